// Compiles native/*.c into one Node-API binary with the C compiler alone: no node-gyp, so no Python and no
// download of headers. Node-API is a stable C interface, so the headers of any Node serve every Node.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const native = path.join(root, 'native')

/** Where node_api.h is: beside this Node if it came with its headers, else in the node-api-headers package. */
function findHeaders() {
  const prefix = path.resolve(process.execPath, '../..')
  const candidates = [
    process.env.npm_config_nodedir && path.join(process.env.npm_config_nodedir, 'include/node'),
    path.join(prefix, 'include/node'),
    path.join(prefix, 'include/nodejs/src'),
  ]
  try {
    candidates.push(createRequire(import.meta.url)('node-api-headers').include_dir)
  } catch {
    // Only a checkout has it installed.
  }
  const found = candidates.find((dir) => dir && existsSync(path.join(dir, 'node_api.h')))
  if (!found) {
    throw new Error(
      `node_api.h was not found beside ${process.execPath}: install Node's headers (Debian: libnode-dev) or run "npm install node-api-headers".`,
    )
  }
  return found
}

/** Where a compiled binary goes and where node-gyp-build looks for it first. */
export const buildOutput = path.join(root, 'build/Release/aiokit_sys.node')

/** What `buildOutput` was made from, in a file beside it. */
const stamp = path.join(path.dirname(buildOutput), 'aiokit_sys.made-from')

// A 32-bit machine has 64-bit offsets and times only if asked; without them an lseek(2) past 2 GiB fails there, and
// epoll_pwait2(2), which knows no other times, is given half of one.
const FLAGS =
  '-O2 -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DNAPI_VERSION=8 -fPIC -fno-plt -shared -fvisibility=hidden -Wl,-z,now -Wall -Wextra'.split(
    ' ',
  )

/** Changes with whatever decides what the compiler makes: the sources, this file with its flags, and $CC. */
function ingredients() {
  const hash = createHash('sha256').update(process.env.CC || '')
  for (const file of [fileURLToPath(import.meta.url), ...filesIn(native)])
    hash.update(`\0${path.basename(file)}\0`).update(readFileSync(file))
  return hash.digest('hex')
}

function filesIn(folder) {
  return readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name))
}

/** True if `buildOutput` was made from what is here, and for a machine like this one. */
function isFresh() {
  try {
    if (readFileSync(stamp, 'utf8') !== ingredients()) return false
    // Another processor or C library, which a checkout can be shared with, shows in nothing but this.
    createRequire(import.meta.url)(buildOutput)
    return true
  } catch {
    return false
  }
}

/** Compiles for this machine to `buildOutput`, unless that has been done. Throws as `compile` does. */
export function build() {
  if (isFresh()) return
  // First: with the old one beside it, a new binary could pass for an old one that it is not.
  rmSync(stamp, { force: true })
  compile(buildOutput)
  writeFileSync(stamp, ingredients())
}

/**
 * Compiles to `output`. Throws an Error of one sentence that says what to install.
 *
 * @param {string} output path of the .node file
 * @param {string} [cc] the compiler; default $CC, else cc
 */
export function compile(output, cc = process.env.CC || 'cc') {
  const sources = filesIn(native).filter((name) => name.endsWith('.c'))
  mkdirSync(path.dirname(output), { recursive: true })
  // To the side and then renamed: a process that has the old binary loaded keeps it whole.
  const temporary = `${output}.${process.pid}`
  const [command, ...first] = cc.split(' ')
  const args = [...first, ...FLAGS, `-I${findHeaders()}`, ...sources, '-o', temporary]
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) {
    throw new Error(
      `The C compiler "${command}" could not be started (${error.code}): install one (Debian, Ubuntu: apt-get install gcc libc6-dev) or set CC.`,
    )
  }
  if (status !== 0) throw new Error(`"${command}" failed to compile @aiokit/sys:\n${stderr}`)
  if (stderr) process.stderr.write(stderr)
  renameSync(temporary, output)
}
