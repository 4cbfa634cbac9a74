import { spawn } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EventNotifier } from '@aiokit/notifier'
import * as sys from '@aiokit/sys'
import { descriptorLimit, hasCommand, memoryInUse, openDescriptors, pipe, runScript } from '@aiokit/testing'
import { realtime } from '@aiokit/timers'
import { describe, expect, test, vi } from 'vitest'
import { AioContext } from '../src/index.ts'
import { everywhere, newContext } from './monitors.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))
const isEventfd = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`).includes('eventfd')
const ringMappings = () => readFileSync('/proc/self/maps', 'latin1').split('[io_uring]').length - 1
const code = (value: string) => expect.objectContaining({ code: value })

describe.each(everywhere)('a context on %s', (name, make) => {
  test('X3: use after close is an error, closing twice is none', () => {
    const ctx = newContext(make)
    const bh = ctx.createBottomHalf(() => {})
    bh.delete()
    const timer = ctx.createTimer(realtime, () => {})
    ctx.close()
    ctx.close()
    const uses = [
      () => ctx.poll(false),
      () => ctx.setFdHandler(0, null),
      () => ctx.setFdHandler(0, { read() {} }),
      () => ctx.notify(),
      () => ctx.createBottomHalf(() => {}),
      () => ctx.scheduleOneshot(() => {}),
      () => ctx.createTimer(realtime, () => {}),
      () => ctx.makeCurrent(),
      () => ctx.waitWhile(() => true),
      () => timer.mod(1),
    ]
    for (const use of uses) expect(use).toThrow(code('ERR_AIO_CLOSED'))
    expect(ctx.stats().polls).toBe(0)
  })

  test('X4: what lives on a context lets go of its things while the context still works, once each', () => {
    const ctx = newContext(make)
    const log: string[] = []
    const forget = ctx.onClose(() => log.push('forgotten'))
    for (const name of ['first', 'second']) {
      ctx.onClose(() => {
        log.push(name)
        ctx.scheduleOneshot(() => log.push(`${name} ran`))
        ctx.poll(false)
        ctx.close()
        if (name === 'first') throw new Error('first')
      })
    }
    forget()
    expect(() => ctx.close()).toThrow('first')
    ctx.close()
    expect(log).toEqual(['first', 'first ran', 'second', 'second ran'])
    expect(() => ctx.poll(false)).toThrow(code('ERR_AIO_CLOSED'))
    expect(() => ctx.onClose(() => {})).toThrow(code('ERR_AIO_CLOSED'))
  })

  test('X3: closing from inside a callback is an error, and the context goes on', () => {
    using ctx = newContext(make)
    let error: unknown
    ctx.scheduleOneshot(() => {
      try {
        ctx.close()
      } catch (caught) {
        error = caught
      }
    })
    ctx.poll(true)
    expect(error).toMatchObject({ code: 'ERR_AIO_IN_CALLBACK' })
    expect(ctx.poll(false)).toBe(false)
  })

  test('X2, X3: wrong types and ranges are refused with a sentence', () => {
    using ctx = newContext(make)
    const read = () => {}
    const calls: [() => unknown, string][] = [
      [() => ctx.setFdHandler(-1, { read }), '"fd" must be an integer from 0 to 2147483647. Received -1.'],
      [() => ctx.setFdHandler(2 ** 31, { read }), '"fd" must be an integer'],
      [() => ctx.setFdHandler('0' as never, { read }), '"fd" must be a number.'],
      [() => ctx.setFdHandler(0, undefined as never), '"handlers" must be an object with functions, or null'],
      [() => ctx.setFdHandler(0, {}), 'pass null to remove the handler'],
      [() => ctx.poll(true, -1), '"timeoutNs" must be a number from 0 to Infinity. Received -1.'],
      [() => ctx.poll(true, Number.NaN), '"timeoutNs" must be a number from 0 to Infinity. Received NaN.'],
      [() => ctx.setEventNotifier({} as never, { read }), '"notifier" must be an EventNotifier.'],
      [() => ctx.createTimer({} as never, () => {}), '"clock" must be a Clock'],
      [() => ctx.createBottomHalf('x' as never), '"callback" must be a function'],
      [() => ctx.waitWhile(true as never), '"condition" must be a function. Received true.'],
      [() => ctx.waitWhile((async () => false) as never), 'condition()" must be a boolean. Received Promise'],
      [() => ctx.poll('false' as never), '"blocking" must be a boolean. Received \'false\'.'],
      [() => new AioContext({} as never), '"options.fdmon" must be a monitor factory'],
      [() => new AioContext(null as never), '"options" must be an object. Received null.'],
      [
        () => new AioContext({ fdmon: make(), name: Symbol('s') as never }),
        '"options.name" must be a string',
      ],
      [() => new AioContext({ fdmon: make(), measure: 1 as never }), '"options.measure" must be a boolean'],
      [() => new AioContext({ fdmon: (() => null) as never }), 'must return an FdMonitor'],
    ]
    for (const [call, message] of calls) expect(call).toThrow(message)
    using closed = new EventNotifier()
    closed.close()
    expect(() => ctx.setEventNotifier(closed, { read })).toThrow(code('ERR_AIO_CLOSED'))
  })

  test("F3: the context's own descriptors cannot be taken over", () => {
    using ctx = newContext(make)
    let refused = 0
    const [next, other] = pipe()
    for (let fd = 0; fd < next; fd++) {
      try {
        ctx.setFdHandler(fd, { read() {} })
        ctx.setFdHandler(fd, null)
      } catch (error) {
        if ((error as { code: string }).code === 'ERR_AIO_RESERVED_FD') refused++
      }
    }
    // The notifier's, the monitor's, and that of Node's loop, or what that waits for.
    const monitors = ctx.fdmonName === 'poll' ? 0 : 1
    const waitedFor = { poll: 1, epoll: 0, io_uring: 2 }[ctx.fdmonName]
    const hosts = name.endsWith('running') ? 1 : name.endsWith('attached') ? waitedFor : 0
    expect(refused).toBe(1 + monitors + hosts)
    for (const fd of [next, other]) sys.close(fd)
  })

  test('X3: other code closes the descriptor that the context is woken through: it says so, and touches it no more', () => {
    const ctx = newContext(make)
    const [probe, ...rest] = pipe()
    for (const fd of [probe, ...rest]) sys.close(fd)
    // The context's own, which nobody is told the number of, are the last that were opened before; this one was the first.
    const own = Array.from({ length: 12 }, (_, i) => probe - 12 + i).find((fd) => {
      try {
        ctx.setFdHandler(fd, { read() {} })
        ctx.setFdHandler(fd, null)
        return false
      } catch (error) {
        return (error as { code: string }).code === 'ERR_AIO_RESERVED_FD' && isEventfd(fd)
      }
    })!
    sys.close(own)
    const poll = () => {
      for (let i = 0; i < 600; i++) ctx.poll(false)
    }
    expect(poll).toThrow(code('ERR_AIO_NOTIFIER_LOST'))
    using innocent = new EventNotifier()
    expect(innocent.fd).toBe(own)
    expect(poll, 'is said once').not.toThrow()
    ctx.notify()
    expect(innocent.testAndClear()).toBe(false)
    ctx.close()
    innocent.set()
    expect(innocent.testAndClear(), 'still open').toBe(true)
  })

  test('F8: a descriptor closed while it was watched is named in a warning', () => {
    using ctx = newContext(make)
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const [reader, writer] = pipe()
      ctx.setFdHandler(reader, { read() {} })
      sys.close(reader)
      for (let i = 0; i < 600 && emitWarning.mock.calls.length === 0; i++) ctx.poll(false)
      expect(emitWarning.mock.calls).toEqual([
        [
          expect.stringContaining(`File descriptor ${reader} was closed`),
          expect.objectContaining({ code: 'AIOKIT_FD_CLOSED' }),
        ],
      ])
      sys.close(writer)
    } finally {
      emitWarning.mockRestore()
    }
  })

  test('O2: the statistics count what happened', () => {
    using ctx = new AioContext({ fdmon: make(), measure: true })
    const [reader, writer] = pipe()
    ctx.setFdHandler(reader, { read: () => void sys.read(reader, new Uint8Array(8)), write() {} })
    const before = ctx.stats()
    sys.write(writer, new Uint8Array(1))
    ctx.poll(false)
    ctx.scheduleOneshot(() => {})
    ctx.poll(true)
    ctx.poll(true, 2e6)
    ctx.notify()
    const after = ctx.stats()
    expect(after).toEqual({
      polls: 3,
      waits: 1,
      systemCalls: before.systemCalls + 3,
      eventfdWrites: 0,
      eventfdWritesAvoided: before.eventfdWritesAvoided + 2,
      bottomHalves: 1,
      dispatches: 1,
      completions: 0,
      pollHits: 0,
      pollMisses: 0,
      pollingNs: 0,
      blockedNs: expect.any(Number),
    })
    expect(after.blockedNs).toBeGreaterThanOrEqual(2e6)
    using unmeasured = newContext(make)
    expect(unmeasured.stats().blockedNs).toBeNull()
    ctx.setFdHandler(reader, null)
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('X6: 10,000 contexts made, used and closed leave descriptors and memory where they were', {
    // A few seconds, unless the machine has much else to do.
    timeout: 180_000,
  }, async () => {
    const cycle = () => {
      using ctx = newContext(make)
      const bh = ctx.createBottomHalf(() => {})
      ctx.createTimer(realtime, () => {}).mod(realtime.now() + 1e12)
      using notifier = new EventNotifier({ active: true })
      ctx.setEventNotifier(notifier, { read: () => void notifier.testAndClear() })
      bh.schedule()
      ctx.poll(true)
      bh.delete()
    }
    const cycles = async (count: number) => {
      for (let i = 0; i < count; i++) {
        cycle()
        // What Node's loop was told to close it frees when it comes by.
        if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await cycles(2000)
    const descriptors = openDescriptors()
    const rings = ringMappings()
    // A heap may grow once for reasons of its own; a leak grows each time.
    const growth: number[] = []
    for (let i = 0; i < 3; i++) {
      const before = await memoryInUse()
      await cycles(10_000)
      growth.push((await memoryInUse()) - before)
    }
    expect(openDescriptors()).toBe(descriptors)
    // A ring that is mapped stays without a descriptor, and its memory is not the heap's.
    expect(ringMappings()).toBe(rings)
    // A leak of one object for each would be more than this.
    expect(Math.min(...growth)).toBeLessThan(2 ** 20)
  })
})

test.each(['poll', 'epoll'])(
  'X2, X6: out of descriptors, a context on %s is not made, and nothing is left behind',
  (name) => {
    const script = `
    import { readdirSync } from 'node:fs'
    import { AioContext } from '@aiokit/aio'
    import { ${name}Monitor } from '@aiokit/fdmon-${name}'
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    const made = []
    try {
      for (;;) made.push(new AioContext({ fdmon: ${name}Monitor() }))
    } catch (error) {
      for (const ctx of made) ctx.close()
      new AioContext({ fdmon: ${name}Monitor() }).close()
      console.log(error.code, made.length > 5, open() - before)
    }`
    // An odd and an even number: the context's first descriptor is refused, or its second.
    for (const limit of [64, 65]) {
      const { stdout, stderr } = runScript(script, { cwd: folder, under: descriptorLimit(limit) })
      expect(stdout + stderr).toBe('EMFILE true 0\n')
    }
  },
)

test('X7: a plain blocking poll is not woken by a signal, whose handler runs when Node’s loop does', async () => {
  const {
    everywhere: [[, make] = [] as never],
  } = { everywhere }
  using ctx = newContext(make)
  let signals = 0
  const onSignal = () => void signals++
  process.on('SIGUSR2', onSignal)
  const [reader, writer] = pipe()
  // Sends signals, and only then the byte that the poll waits for.
  const child = spawn('sh', ['-c', `for i in 1 2 3 4 5; do kill -USR2 ${process.pid}; done; printf x >&3`], {
    stdio: ['ignore', 'ignore', 'ignore', writer],
  })
  let reads = 0
  ctx.setFdHandler(reader, {
    read() {
      reads += sys.read(reader, new Uint8Array(8))
    },
  })
  expect([ctx.poll(true), reads, signals]).toEqual([true, 1, 0])
  await new Promise((resolve) => child.once('exit', resolve))
  await vi.waitFor(() => expect(signals).toBeGreaterThan(0))
  process.off('SIGUSR2', onSignal)
  ctx.setFdHandler(reader, null)
  for (const fd of [reader, writer]) sys.close(fd)
})

test.skipIf(!hasCommand('strace'))(
  'X2, X6: a context that cannot watch its own notifier is not made, and nothing is left behind (needs strace)',
  () => {
    const { stdout, stderr } = runScript(
      `import { readdirSync } from 'node:fs'
     import { AioContext } from '@aiokit/aio'
     import { epollMonitor } from '@aiokit/fdmon-epoll'
     const open = () => readdirSync('/proc/self/fd').length
     const before = open()
     try {
       for (let i = 0; i < 50; i++) new AioContext({ fdmon: epollMonitor() }).close()
     } catch (error) {
       console.log(error.message, open() - before)
     }`,
      // Node's own loop has added its descriptors by then.
      {
        cwd: folder,
        under: ['strace', '-qq', '-o', '/dev/null', '-e', 'inject=epoll_ctl:error=ENOMEM:when=30+'],
      },
    )
    expect(stdout + stderr).toBe('ENOMEM: not enough memory, epoll_ctl 0\n')
  },
)

test('X5: a child process inherits none of a context’s descriptors', () => {
  const list = (body: string) => {
    const { stdout } = runScript(
      `import { spawnSync } from 'node:child_process'
       import { AioContext } from '@aiokit/aio'
       import { epollMonitor } from '@aiokit/fdmon-epoll'
       ${body}
       console.log(spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout)`,
      { cwd: folder },
    )
    return stdout.trim().split('\n').length
  }
  const none = list('')
  expect(none).toBeGreaterThan(2)
  expect(list('const contexts = [1, 2, 3].map(() => new AioContext({ fdmon: epollMonitor() }))')).toBe(none)
})

test('B9: closing a context names its bottom halves that were never deleted', () => {
  const { stderr } = runScript(
    `import { AioContext } from '@aiokit/aio'
     import { pollMonitor } from '@aiokit/fdmon-poll'
     const ctx = new AioContext({ fdmon: pollMonitor() })
     ctx.createBottomHalf(() => {}, { name: 'forgotten' })
     ctx.close()`,
    { cwd: folder },
  )
  expect(stderr).toMatch(/AIOKIT_BH_LEAKED.*not deleted: forgotten/)
})
