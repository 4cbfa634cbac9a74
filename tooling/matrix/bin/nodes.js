// The Nodes of the matrix: programs that are downloaded when they are asked for, and kept for all checkouts.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** By major version. The lowest is the oldest that the packages support ("engines"), the others are recent ones. */
const pinned = JSON.parse(readFileSync(new URL('../versions.json', import.meta.url), 'utf8'))

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'aiokit/node')

/** The major versions, the lowest first. */
export const majors = Object.keys(pinned)

/** @param {string} major */
export function versionOf(major) {
  return pinned[major].version
}

/**
 * Returns the path of the program, in a folder bin that has nothing else, beside one with its headers. Throws an Error of one sentence that says what to do.
 *
 * @param {string} major
 */
export function getNode(major) {
  const { version, [process.arch]: integrity } = pinned[major]
  const name = `node-linux-${process.arch}@${version}`
  if (integrity === undefined)
    throw new Error(`There is no Node for ${process.arch} in versions.json: add it.`)
  const home = path.join(cache, name)
  const program = path.join(home, 'bin/node')
  if (existsSync(program)) return program

  console.log(`Downloading ${name} to ${home}.`)
  mkdirSync(cache, { recursive: true })
  // To the side and then renamed, so that what is there is whole.
  const folder = mkdtempSync(path.join(cache, 'download-'))
  try {
    const pack = run('npm', ['pack', name, '--json', '--loglevel=error', '--pack-destination', folder])
    if (pack.status !== 0) {
      const why =
        /^npm error (?!code |errno |syscall )(?:network )?(.*)$/m.exec(pack.stderr)?.[1] ?? pack.stderr.trim()
      throw new Error(
        `Node ${version} is not in ${cache} and cannot be downloaded (${why}): run this once where there is a network, or put the program at ${program}.`,
      )
    }
    const [packed] = JSON.parse(pack.stdout)
    if (packed.integrity !== integrity)
      throw new Error(
        `${name} is not what versions.json says it is: ${packed.integrity} instead of ${integrity}.`,
      )
    // With the headers, which a test compiles with: those of an installed Node are there as well.
    const members = ['package/bin/node', 'package/include']
    const unpacked = run('tar', ['-xzf', path.join(folder, packed.filename), '-C', folder, ...members])
    if (unpacked.status !== 0) throw new Error(`tar could not unpack ${name}: ${unpacked.stderr.trim()}`)
    // Another checkout may have done the same.
    if (!existsSync(program)) renameSync(path.join(folder, 'package'), home)
    return program
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(command, args) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw new Error(`${command} could not be started (${error.code}): install it.`)
  return { status, stdout, stderr }
}
