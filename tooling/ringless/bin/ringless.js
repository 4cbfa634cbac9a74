// Runs the tests of what uses a ring where it can, with io_uring forbidden by the kernel (as in most containers): all of
// it has to pass on epoll. Each way of forbidding it is one that kernels have.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const here = fileURLToPath(new URL('..', import.meta.url))
const launcher = path.join(here, 'build/ringless')
const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs')
const cc = (process.env.CC || 'cc').split(' ')

/** A seccomp profile refuses (EPERM), a kernel is built without (ENOSYS), memory that may be locked is used up (ENOMEM). */
const runs = [
  ['aiokit', 'ENOSYS'],
  ['aiokit', 'ENOMEM'],
  ['aiokit', 'EPERM'],
  ['@aiokit/io', 'EPERM'],
  ['aiokit-nbd', 'EPERM'],
]

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Runs node so that io_uring_setup() fails with `error`. */
function ringless(error, args, options) {
  return spawnSync(launcher, [String(constants.errno[error]), process.execPath, ...args], {
    ...options,
    env: { ...process.env, AIOKIT_FDMON: '', AIOKIT_RINGLESS: error },
  })
}

mkdirSync(path.dirname(launcher), { recursive: true })
const compiled = spawnSync(
  cc[0],
  [...cc.slice(1), '-O2', '-Wall', '-Werror', '-o', launcher, path.join(here, 'native/ringless.c')],
  { stdio: 'inherit' },
)
if (compiled.status !== 0)
  fail(`The C compiler "${cc.join(' ')}" could not make ${launcher}: install gcc, or set CC.`)

const script = `
  const { AioContext } = await import('aiokit')
  const ctx = new AioContext({ fdmon: 'io_uring' })
  console.log(ctx.fdmonName, ctx.fdmonFallback.cause.code)`
for (const error of new Set(runs.map(([, error]) => error))) {
  const { stdout, stderr } = ringless(error, ['--input-type=module', '-e', script], {
    cwd: here,
    encoding: 'utf8',
  })
  if (stdout !== `epoll ${error}\n`) fail(`io_uring is not forbidden by ${error}: ${stdout}${stderr}`)
}

for (const [name, error] of runs) {
  const cwd = path.dirname(require.resolve(`${name}/package.json`))
  const { status } = ringless(error, [vitest, 'run'], { cwd, stdio: 'inherit' })
  if (status !== 0)
    fail(`The tests of ${name} fail where io_uring is forbidden by ${error} (exit status ${status}).`)
}
