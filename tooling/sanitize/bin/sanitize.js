// Runs the tests that use the native layer most with a binary that gcc's address and undefined-behaviour sanitizers
// watch; but first with one that has a mistake put in, which they must find.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const folder = fileURLToPath(new URL('../build', import.meta.url))
const vitest = path.join(path.dirname(require.resolve('vitest/package.json')), 'vitest.mjs')
const cc = process.env.CC || 'cc'

/** What is run, by package. Not here: what limits the memory, and what runs under strace. */
const suites = {
  '@aiokit/sys': ['arguments', 'host', 'inotify', 'system-calls', 'socket-address'],
  '@aiokit/fdmon-uring': [
    ...['arguments', 'chains', 'close', 'delivery', 'files', 'memory', 'registered', 'sockets', 'stateful'],
    ...['workers'],
  ],
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Where the compiler has the library of its address sanitizer, which must be loaded before all others. */
function findRuntime() {
  const { stdout = '', error } = spawnSync(cc.split(' ')[0], ['-print-file-name=libasan.so'], {
    encoding: 'utf8',
  })
  if (error) fail(`The C compiler "${cc}" could not be started (${error.code}): install gcc, or set CC.`)
  const library = stdout.trim()
  if (path.isAbsolute(library) && existsSync(library)) return library
  fail(
    `The compiler "${cc}" has no address sanitizer (libasan.so): install gcc, which brings it, or set CC=gcc.`,
  )
}

/** Compiles a copy of the native layer, after `change` has had its sources. Returns the folder for node-gyp-build. */
async function compile(name, change) {
  const copy = path.join(folder, name)
  const source = path.dirname(require.resolve('@aiokit/sys/package.json'))
  rmSync(copy, { recursive: true, force: true })
  for (const part of ['native', 'scripts', 'package.json'])
    cpSync(path.join(source, part), path.join(copy, part), { recursive: true })
  change(path.join(copy, 'native'))
  const { buildOutput, compile } = await import(path.join(copy, 'scripts/compile.mjs'))
  compile(
    buildOutput,
    `${cc} -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined`,
  )
  return copy
}

/** Runs node under the sanitizers, with the binary in `copy`. */
function run(copy, args, options) {
  return spawnSync(process.execPath, args, {
    ...options,
    env: {
      ...process.env,
      LD_PRELOAD: runtime,
      // Node does not free what it has when it exits, and looks after its own stack.
      ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=0:exitcode=99',
      UBSAN_OPTIONS: 'print_stacktrace=1:exitcode=99',
      '@AIOKIT/SYS_PREBUILD': copy,
    },
  })
}

const runtime = findRuntime()

const broken = await compile('broken', (native) => {
  const file = path.join(native, 'uring.c')
  const text = readFileSync(file, 'utf8')
  const change = text.replace('malloc(sizeof *ring)', 'malloc(sizeof *ring - 8)')
  if (change === text)
    fail('The mistake that the sanitizers are to find cannot be put in: uring.c has changed.')
  writeFileSync(file, change)
})
const script = `
  const sys = await import('@aiokit/sys')
  sys.ioUringSetup(4, new Int32Array(sys.IO_URING_PARAMS_SIZE / 4))`
const { status, stderr } = run(broken, ['--input-type=module', '-e', script], {
  cwd: path.dirname(folder),
  encoding: 'utf8',
})
if (status !== 99 || !stderr.includes('heap-buffer-overflow'))
  fail(`The sanitizers did not find the mistake that was put in (exit status ${status}):\n${stderr}`)

const sound = await compile('sound', () => {})
for (const [name, files] of Object.entries(suites)) {
  const cwd = path.dirname(require.resolve(`${name}/package.json`))
  const result = run(sound, [vitest, 'run', ...files.map((file) => `test/${file}.test.ts`)], {
    cwd,
    stdio: 'inherit',
  })
  if (result.status !== 0)
    fail(`The tests of ${name} fail under the sanitizers (exit status ${result.status}).`)
}
