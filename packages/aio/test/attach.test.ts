import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FdTable } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import {
  descriptorLimit,
  hasCommand,
  memoryInUse,
  openDescriptors,
  pipe,
  readAll,
  runScript,
} from '@aiokit/testing'
import { describe, expect, test, vi } from 'vitest'
import { AioContext } from '../src/index.ts'
import { newHosted, output, runHosted } from './hosted.ts'
import { monitors } from './monitors.ts'

describe.each([...monitors.map(([name]) => name), 'epoll that falls back'])('attached, on %s', (monitor) => {
  const run = (body: string, options = {}) =>
    output(runHosted(monitor, 'attach', body, { timeoutMs: 5000, ...options }))

  test('F8: a descriptor closed while it was watched, whose number is registered again, is watched', () => {
    expect(
      run(`
        const [reader, writer] = pipe()
        ctx.setFdHandler(reader, { read() {} })
        await turn()
        await turn()
        sys.close(reader)
        sys.close(writer)
        const [again, other] = pipe()
        ctx.setFdHandler(again, { read() { console.log(again === reader); ctx.close() } })
        setTimeout(() => sys.write(other, new Uint8Array(1)), 20)`),
    ).toBe('true\n')
  })

  test('N4: what a hook schedules that comes between ours and the sleep of Node’s loop is run without another event', () => {
    expect(
      run(`
        const { copyFileSync, rmSync } = await import('node:fs')
        // Another addon as far as Node can tell, whose hook was there before ours and comes after it.
        const copy = \`/tmp/aiokit-other-\${process.pid}.node\`
        copyFileSync(sys.nativePath, copy)
        const other = {}
        process.dlopen({ exports: other }, copy)
        rmSync(copy)
        ctx.detach()
        let hook = () => {}
        other.hostOpen(() => hook(), () => {})
        other.hostRun(1)
        ctx.attach()
        ctx.beginWork()
        const schedule = () => {
          hook = () => {}
          ctx.scheduleOneshot(() => { console.log('ran'); ctx.close(); other.hostRun(0) })
        }
        setTimeout(() => { hook = schedule }, 20)`),
    ).toBe('ran\n')
  })

  test('N4, P11: what the end of one’s polling schedules on another, before Node’s loop sleeps, is run without another event', () => {
    expect(
      run(
        `
        const { EventNotifier } = await import('@aiokit/notifier')
        const other = make()
        other.setPollParams({ maxNs: 1e9, grow: 1e9 })
        other.attach()
        ctx.beginWork()
        const bell = new EventNotifier()
        let rung = false
        other.setEventNotifier(bell, {
          read() { bell.testAndClear() },
          poll: () => rung,
          pollReady() { rung = false; console.log('heard') },
          pollEnd() {
            if (left === 0) ctx.scheduleOneshot(() => { console.log('ran'); other.close(); ctx.close() })
          },
        })
        let left = 3
        const ring = () => {
          while (--left > 0) {
            bell.set()
            other.poll(true)
          }
          // By now it is polled for.
          rung = true
          other.poll(true)
        }
        // A collection of garbage in the middle would wake Node's loop.
        setTimeout(() => { gc(); setTimeout(ring, 100) }, 100)`,
        { node: ['--expose-gc'] },
      ),
    ).toBe('heard\nran\n')
  })

  test('T6: a deadline that is further away than timers go is none that fails', () => {
    expect(
      run(`
        ctx.createTimer(realtime, () => {}).mod(1e300)
        setTimeout(() => { console.log('slept'); ctx.close() }, 20)`),
    ).toBe('slept\n')
  })

  test('A3: what has no async context of its own does not run in that of who attached first', () => {
    expect(
      run(`
        ctx.close()
        const other = make()
        const storage = new AsyncLocalStorage()
        other.scheduleOneshot(() => { console.log(storage.getStore()); other.close() })
        storage.run('of who attaches', () => other.attach())`),
    ).toBe('undefined\n')
  })

  test('X2: out of descriptors, attach() throws and leaves nothing behind', () => {
    for (const limit of [64, 65, 66, 67]) {
      expect(
        run(
          `
          ctx.close()
          const other = make()
          const taken = []
          try {
            for (;;) taken.push(pipe())
          } catch {}
          // One more for each turn, until there are enough.
          let refused = 0
          for (;;) {
            const before = () => { let count = 0; for (let fd = 0; fd < ${limit}; fd++) if (sys.fcntl(fd, sys.F_GETFD, 0) >= 0) count++; return count }
            const open = before()
            try {
              other.attach()
              break
            } catch (error) {
              if (error.code !== 'EMFILE' || before() > open + 1) console.log(error.code, before() - open)
              refused++
              for (const fd of taken.pop()) sys.close(fd)
            }
          }
          console.log(refused > 0)
          other.scheduleOneshot(() => other.close())`,
          { under: descriptorLimit(limit) },
        ),
      ).toBe('true\n')
    }
  })
})

test.each(monitors)(
  'X6: on %s, 10,000 times attached and detached, and 1,000 times run and stopped, leave descriptors and memory as they were',
  async (_, make) => {
    using ctx = newHosted(make, 'attach')
    const cycle = async (times: number) => {
      for (let i = 0; i < times; i++) {
        ctx.detach()
        if (i % 10 === 0) {
          const end = ctx.run()
          ctx.stop()
          await end
        }
        ctx.attach()
        // What Node's loop was told to close it frees when it comes by.
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      return memoryInUse()
    }
    await cycle(2000)
    const descriptors = openDescriptors()
    const growth: number[] = []
    for (let i = 0; i < 3; i++) growth.push(-(await memoryInUse()) + (await cycle(10_000)))
    expect(openDescriptors()).toBe(descriptors)
    // The smallest handle of libuv for each would be more than this.
    expect(Math.min(...growth)).toBeLessThan(2 ** 20)
  },
)

test.each(monitors)(
  'F5: attached on %s, handlers that stay as they are are not gone through for each event',
  async (_, make) => {
    using ctx = new AioContext({ fdmon: make() })
    ctx.attach()
    const pipes = Array.from({ length: 20 }, () => pipe())
    const walks = vi.spyOn(FdTable.prototype, 'handlers')
    const heard = async (from: typeof pipes) => {
      for (const [reader, writer] of from) {
        await new Promise<void>((resolve) => {
          heardBy.set(reader, resolve)
          sys.write(writer, new Uint8Array(1))
        })
      }
      return walks.mock.calls.length
    }
    const heardBy = new Map<number, () => void>()
    for (const [reader] of pipes) {
      ctx.setFdHandler(reader, {
        read() {
          readAll(reader)
          heardBy.get(reader)!()
        },
      })
    }
    const before = await heard(pipes)
    expect(await heard(pipes)).toBe(before)
    ctx.setFdHandler(pipes[0]![0], null)
    expect(await heard(pipes.slice(1))).toBeLessThanOrEqual(before + 1)
    for (const [fd] of pipes) ctx.setFdHandler(fd, null)
    walks.mockRestore()
    for (const fd of pipes.flat()) sys.close(fd)
  },
)

test('X3: in a program without libuv attach() and run() say so, and poll() does all there is', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-host-'))
  const binary = path.join(folder, 'without-libuv.node')
  // It asks its host for a function that no host has.
  writeFileSync(
    binary,
    readFileSync(sys.nativePath, 'latin1').replace('\0uv_poll_init\0', '\0no_poll_init\0'),
    'latin1',
  )
  const result = runScript(
    `import { readdirSync } from 'node:fs'
     const { dlopen } = process
     process.dlopen = (module, file, ...flags) => dlopen(module, file.endsWith('sys.node') ? '${binary}' : file, ...flags)
     const { AioContext } = await import('@aiokit/aio')
     const { pollMonitor } = await import('@aiokit/fdmon-poll')
     const ctx = new AioContext({ fdmon: pollMonitor() })
     const codes = []
     const before = readdirSync('/proc/self/fd').length
     for (const how of ['attach', 'run', 'attach']) {
       try {
         ctx[how]()
       } catch (error) {
         codes.push(error.code)
       }
     }
     const open = readdirSync('/proc/self/fd').length - before
     ctx.scheduleOneshot(() => console.log('ran', open, ...codes))
     ctx.poll(true)
     ctx.stop()
     ctx.detach()
     ctx.close()`,
    { cwd: fileURLToPath(new URL('..', import.meta.url)), timeoutMs: 5000 },
  )
  rmSync(folder, { recursive: true })
  expect(output(result)).toBe(`ran 0${' ERR_AIO_NO_HOST_LOOP'.repeat(3)}\n`)
})

test.skipIf(!hasCommand('strace'))(
  'M3: a monitor that falls back while it is attached is waited for, whatever number its successor gets (needs strace)',
  () => {
    const body = `
      await turn()
      const [first, second] = [pipe(), pipe()]
      // Out of watches from here on.
      for (const [reader] of [first, second]) ctx.setFdHandler(reader, { read() { console.log(ctx.fdmonName); ctx.close() } })
      setTimeout(() => sys.write(second[1], new Uint8Array(1)), 20)`
    const results = Array.from({ length: 30 }, (_, n) =>
      runHosted('epoll that falls back', 'attach', body, {
        under: ['strace', '-qq', '-o', '/dev/null', '-e', `inject=epoll_ctl:error=ENOSPC:when=${n + 5}`],
        timeoutMs: 5000,
      }),
    )
    expect(results.map(({ stdout }) => stdout)).toContain('poll\n')
    // Where it is one of libuv's calls that fails, that aborts; nowhere does anybody wait for ever.
    for (const { status, signal, stdout } of results)
      if (stdout === '') expect([status, signal]).not.toEqual([null, 'SIGTERM'])
  },
)
