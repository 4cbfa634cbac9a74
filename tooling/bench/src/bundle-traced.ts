import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = path.join(import.meta.dirname, '../node_modules/.cache/trace-off')

/**
 * Makes one module of all that is needed of aiokit, with its trace points or without, and returns its URL. In a process of
 * its own, as the bundler leaves threads and garbage behind.
 */
export function bundle(traced: boolean): string {
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, traced ? 'traced.mjs' : 'untraced.mjs')
  const program = path.join(import.meta.dirname, '../bin/bundle-traced.js')
  execFileSync(process.execPath, [program, String(traced), file], { stdio: ['ignore', 'ignore', 'pipe'] })
  return pathToFileURL(file).href
}
