import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { Unavailable } from './row.ts'

const sources = path.join(import.meta.dirname, '../floor')
const cache = path.join(import.meta.dirname, '../node_modules/.cache/floor')
const FLAGS = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-pthread']

/**
 * Compiles floor/`name`.c, unless that was done before, and returns the path of the program.
 *
 * @throws Unavailable without a compiler; Error with the compiler's words if it fails
 */
export function buildFloor(name: string): string {
  const [compiler = 'cc', ...first] = (process.env['CC'] || 'cc').split(' ')
  const source = path.join(sources, `${name}.c`)
  // By content and not by time: a checkout and a restored cache give files any time.
  const hash = createHash('sha256').update([compiler, ...first, ...FLAGS].join(' '))
  for (const file of [...headers(), source]) hash.update(readFileSync(file))
  const program = path.join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(program)) return program

  mkdirSync(cache, { recursive: true })
  const temporary = `${program}.${process.pid}`
  const { error, status, stderr } = spawnSync(compiler, [...first, ...FLAGS, source, '-o', temporary], {
    encoding: 'utf8',
  })
  if (error) {
    throw new Unavailable(
      `needs a C compiler, and "${compiler}" could not be started: install gcc and libc6-dev, or set CC`,
    )
  }
  if (status !== 0) throw new Error(`"${compiler}" failed to compile ${source}:\n${stderr}`)
  const earlier = new RegExp(`^${name}-[0-9a-f]{16}$`)
  for (const file of readdirSync(cache))
    if (earlier.test(file)) rmSync(path.join(cache, file), { force: true })
  renameSync(temporary, program)
  return program
}

function headers(): string[] {
  return readdirSync(sources)
    .filter((name) => name.endsWith('.h'))
    .sort()
    .map((name) => path.join(sources, name))
}
