import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('..', import.meta.url))
const run = (body: string) => {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import * as sys from '@aiokit/sys'\n${body}`],
    { cwd: folder, encoding: 'utf8', timeout: 20_000 },
  )
  return [signal, status, stdout, status === 0 ? stderr : '']
}

test('X3: before hostOpen() everything says so, and wrong arguments are refused', () => {
  expect(
    run(`
      const calls = [
        () => sys.hostRun(1), () => sys.hostKeep(1), () => sys.hostHurry(1), () => sys.hostWatch(0), () => sys.hostUnwatch(0),
        () => sys.hostTakeFired(0), () => sys.hostBackend(), () => sys.hostTimeout(), () => sys.hostCall(() => {}),
      ]
      const none = calls.every((call) => call() === -19)
      const wrong = [undefined, null, {}, 'x', Number.NaN, 1.5, 2 ** 40, -1, 7, Symbol('s')]
      const opens = wrong.every((value) => sys.hostOpen(value, () => {}) === -sys.EINVAL)
      const first = sys.hostOpen(() => {}, () => {})
      const second = sys.hostOpen(() => {}, () => {})
      let refused = 0
      for (const value of wrong)
        for (const call of [sys.hostUnwatch, sys.hostTakeFired, sys.hostCall]) if (call(value) === -sys.EINVAL) refused++
      for (const value of [-1, 2 ** 30]) if (sys.hostWatch(value) === -sys.EBADF) refused++
      console.log(none, opens, first, second === -sys.EEXIST, refused)`),
  ).toEqual([null, 0, 'true true 0 true 32\n', ''])
})

test('A3, X3: hostCall() inside of itself, in hooks and ends of all kinds, with whatever is thrown, never ends the process', () => {
  expect(
    run(`
      import { AsyncLocalStorage, createHook } from 'node:async_hooks'
      const seen = []
      process.on('uncaughtException', (error) => { seen.push(error) })
      let turns = 0
      sys.hostOpen(() => { throw 'before' }, () => { if (++turns === 3) sys.hostRun(0) ; throw 'after' })
      sys.hostRun(1)
      const hook = createHook({ before() {}, after() {}, init() {}, destroy() {} }).enable()
      const storage = new AsyncLocalStorage()
      for (const value of [new Error('e'), null, undefined, 1, 'x', Symbol('s'), new Proxy({}, { get() { throw 1 } })])
        sys.hostCall(() => { throw value })
      storage.run('a', () => sys.hostCall(() => {
        sys.hostCall(() => { Promise.reject('r'); sys.hostCall(() => { throw 'inner' }) })
        seen.push(storage.getStore())
      }))
      sys.hostCall(class {})
      sys.hostCall((async () => { throw 'async' }))
      process.on('exit', () => { sys.hostCall(() => { throw 'at the end' }) })
      setTimeout(() => { hook.disable(); console.log('alive') }, 20)`).slice(0, 3),
  ).toEqual([null, 0, 'alive\n'])
})

test('X3: a script of node:vm that times out inside hostCall() ends, whatever it catches, and nothing is uncaught', () => {
  const codes = [
    'call(forever)',
    'for (;;) call(() => {})',
    'call(() => call(forever)); mark()',
    'try { call(forever) } catch { mark() } finally { mark() }',
    'for (;;) try { call(forever) } catch { mark() }',
  ]
  expect(
    run(`
      import vm from 'node:vm'
      process.on('uncaughtException', (error) => { console.log('uncaught', error) })
      sys.hostOpen(() => {}, () => {})
      const mark = () => console.log('went on')
      for (const code of ${JSON.stringify(codes)}) {
        try {
          vm.runInNewContext('const forever = () => { for (;;); };' + code, { call: sys.hostCall, mark }, { timeout: 20 })
        } catch (error) {
          console.log(error.code)
        }
      }
      // Not the call's own.
      sys.hostCall(() => {
        try {
          vm.runInNewContext('for (;;);', {}, { timeout: 20 })
        } catch (error) {
          console.log(error.code)
        }
      })`),
  ).toEqual([null, 0, 'ERR_SCRIPT_EXECUTION_TIMEOUT\n'.repeat(codes.length + 1), ''])
})

test('X4: hooks and watches end with their thread, which may come with others', () => {
  expect(
    run(`
      import { readdirSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const program = \`
        import * as sys from '@aiokit/sys'
        sys.hostOpen(() => {}, () => {})
        sys.hostRun(1)
        sys.hostHurry(1)
        for (let i = 0; i < 10; i++) {
          const fd = sys.eventfd(1, sys.EFD_CLOEXEC)
          if (sys.hostWatch(fd) < 0) throw new Error('watch')
          sys.close(fd)
        }
        sys.hostUnwatch(3)
      \`
      const once = () => new Promise((resolve) => new Worker(program, { eval: true }).on('exit', resolve))
      await once()
      const before = readdirSync('/proc/self/fd').length
      const codes = []
      for (let i = 0; i < 5; i++) codes.push(...(await Promise.all([once(), once(), once()])))
      console.log(codes.join(''), readdirSync('/proc/self/fd').length - before)`),
  ).toEqual([null, 0, `${'0'.repeat(15)} 0\n`, ''])
})

test('X3: a host that lacks any function of libuv that is used here has no loop, and everything else', () => {
  expect(
    run(`
      import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
      import { tmpdir } from 'node:os'
      import path from 'node:path'
      const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-uv-'))
      const binary = readFileSync(sys.nativePath, 'latin1')
      const load = (name, content) => {
        const file = path.join(folder, name)
        writeFileSync(file, content, 'latin1')
        const loaded = {}
        process.dlopen({ exports: loaded }, file)
        return loaded
      }
      // Among the names that the binary asks its host for; one of them is another, which no host has. What is there for a
      // debugger has names of types as well.
      const names = [...new Set(binary.match(/(?<=\\0)uv_\\w+(?<!_s|_t|_cb)(?=\\0)/g))]
      const found = names.filter((name) => {
        // Its end may be the name of something else.
        const other = '0' + name.slice(1)
        const { hostOpen, eventfd, close } = load(name, binary.replace('\\0' + name + '\\0', '\\0' + other + '\\0'))
        return hostOpen(() => {}, () => {}) !== -38 || close(eventfd(0, 0)) !== 0
      })
      console.log(names.length > 10, found.join(), load('whole', binary).hostOpen(() => {}, () => {}))
      rmSync(folder, { recursive: true })`),
  ).toEqual([null, 0, 'true  0\n', ''])
})
