// Compiles native/*.c into one Node-API binary with the C compiler alone: no node-gyp, so no Python and no
// download of headers. Node-API is a stable C interface, so the headers of any Node serve every Node.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
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

/** True if `output` is newer than every source. */
function isFresh(output) {
  if (!existsSync(output)) return false
  const built = statSync(output).mtimeMs
  return readdirSync(native).every((name) => statSync(path.join(native, name)).mtimeMs < built)
}

/**
 * Compiles to `output` unless it is newer than its sources. Throws an Error of one sentence that says what to install.
 *
 * @param {string} output path of the .node file
 * @param {string} [cc] the compiler; default $CC, else cc
 */
export function compile(output, cc = process.env.CC || 'cc') {
  if (isFresh(output)) return
  const sources = readdirSync(native).filter((name) => name.endsWith('.c'))
  mkdirSync(path.dirname(output), { recursive: true })
  // To the side and then renamed: a process that has the old binary loaded keeps it whole.
  const temporary = `${output}.${process.pid}`
  const flags =
    '-O2 -std=gnu11 -D_GNU_SOURCE -DNAPI_VERSION=8 -fPIC -fno-plt -shared -fvisibility=hidden -Wl,-z,now -Wall -Wextra'.split(
      ' ',
    )
  const [command, ...first] = cc.split(' ')
  const args = [
    ...first,
    ...flags,
    `-I${findHeaders()}`,
    ...sources.map((name) => path.join(native, name)),
    '-o',
    temporary,
  ]
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

/** Where a compiled binary goes and where node-gyp-build looks for it first. */
export const buildOutput = path.join(root, 'build/Release/aiokit_sys.node')
