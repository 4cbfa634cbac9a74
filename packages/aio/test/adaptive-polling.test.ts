import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventNotifier } from '@aiokit/notifier'
import { realtime } from '@aiokit/timers'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { AioContext, type PollParams } from '../src/index.ts'
import { Doorbell } from './doorbell.ts'
import { monitors } from './monitors.ts'
import { LOOK_NS, Simulation } from './simulation.ts'

const VARIABLE = 'AIOKIT_POLL_MAX_NS'
const given = process.env[VARIABLE]
afterEach(() => {
  if (given === undefined) delete process.env[VARIABLE]
  else process.env[VARIABLE] = given
})

/** Polls for a minute as soon as something was heard once: whatever comes is found by polling. */
const LONG: PollParams = { maxNs: 60e9, grow: 1e9 }
const USUAL = { maxNs: 32_000, grow: 2, shrink: 0, rule: 'grow' } as const

const code = (value: string): object => expect.objectContaining({ code: value })

/** A context with a bell that was heard by its descriptor, and is polled for since. */
function rung(make: (typeof monitors)[number][1]): {
  ctx: AioContext
  bell: Doorbell
  [Symbol.dispose](): void
} {
  const ctx = new AioContext({ fdmon: make(), poll: LONG })
  const bell = new Doorbell()
  ctx.setFdHandler(bell.fd, bell.handlers)
  ring(ctx, bell)
  return {
    ctx,
    bell,
    [Symbol.dispose]() {
      ctx.close()
      bell[Symbol.dispose]()
    },
  }
}

/** Twice: first it joins, and then it is worth polling for as long as can be. */
function ring(ctx: AioContext, bell: Doorbell): void {
  for (let i = 0; i < 2; i++) {
    bell.notifier.set()
    ctx.poll(true)
  }
  // Where the monitor can be watched it may be in polling mode already.
  const isPolling = bell.log.lastIndexOf('begin') > bell.log.lastIndexOf('end')
  bell.log.length = 0
  if (isPolling) bell.log.push('begin')
  bell.looks = 0
}

describe.each(monitors)('on %s', (_, make) => {
  test('P1: a context does not poll unless it is told to', () => {
    using ctx = new AioContext({ fdmon: make(), poll: { maxNs: 0 } })
    using bell = new Doorbell()
    ctx.setFdHandler(bell.fd, bell.handlers)
    for (let i = 0; i < 5; i++) {
      bell.notifier.set()
      ctx.poll(true)
    }
    ctx.poll(true, 1e6)
    expect([bell.looks, bell.log]).toEqual([0, Array(5).fill('read')])
    const { pollHits, pollMisses, pollingNs } = ctx.stats()
    expect([pollHits, pollMisses, pollingNs]).toEqual([0, 0, 0])
  })

  test('P2: a handler joins when it was ready once, and then what only poll sees is found', () => {
    using ctx = new AioContext({ fdmon: make(), poll: LONG })
    using bell = new Doorbell()
    ctx.setFdHandler(bell.fd, bell.handlers)
    bell.rung = true
    ctx.poll(true, 1e6)
    expect([bell.looks, bell.log]).toEqual([0, []])
    bell.rung = false
    ring(ctx, bell)
    bell.rung = true
    const { pollHits } = ctx.stats()
    expect(ctx.poll(true)).toBe(true)
    expect(bell.log).toEqual(['begin', 'pollReady'])
    expect(ctx.stats().pollHits).toBe(pollHits + 1)
  })

  test('P2: a handler without poll ends polling, unless the monitor can be watched', () => {
    using world = rung(make)
    const { ctx, bell } = world
    using other = new EventNotifier()
    ctx.setFdHandler(other.fd, { read: () => void other.testAndClear() })
    expect(ctx.poll(true, 1e6)).toBe(false)
    expect(bell.looks > 0).toBe(ctx.fdmonName === 'io_uring')
    ctx.setFdHandler(other.fd, null)
    ctx.poll(true, 1e6)
    expect(bell.looks).toBeGreaterThan(0)
  })

  test('P2, F10: one that has not joined does not starve behind one that is always found by polling', () => {
    using world = rung(make)
    const { ctx, bell } = world
    bell.onHeard = () => {
      bell.rung = true
    }
    bell.rung = true
    using other = new Doorbell()
    ctx.setFdHandler(other.fd, other.handlers)
    other.notifier.set()
    for (let i = 0; i < 200 && other.log.length === 0; i++) ctx.poll(true)
    expect(other.log).toContain('read')
  })

  test('P3: pollReady is called for what poll said, read for what the descriptor said, and one of them at a time', () => {
    using world = rung(make)
    const { ctx, bell } = world
    bell.log.length = 0
    bell.rung = true
    bell.notifier.set()
    ctx.poll(true)
    // Which of them it is depends on who looks first.
    ctx.poll(false)
    ctx.poll(false)
    expect(bell.log.filter((each) => each === 'pollReady').length).toBeLessThanOrEqual(1)
    expect(bell.log).toContain('read')
  })

  test('P3: what is not to block does not poll', () => {
    using world = rung(make)
    const { ctx, bell } = world
    bell.rung = true
    ctx.poll(false)
    ctx.poll(true, 0)
    expect([bell.looks, bell.log.filter((each) => each !== 'begin')]).toEqual([0, []])
  })

  test('P5: a timer that is due ends polling, and so does a bottom half', () => {
    using world = rung(make)
    const { ctx, bell } = world
    const log: string[] = []
    ctx.createTimer(realtime, () => log.push('timer')).mod(realtime.now() + 1e6)
    while (log.length === 0) ctx.poll(true)
    expect(ctx.stats().pollingNs).toBeLessThan(30e9)
    ctx.scheduleOneshot(() => log.push('bottom half'))
    const { looks } = bell
    ctx.poll(true)
    expect([log, bell.looks]).toEqual([['timer', 'bottom half'], looks])
  })

  test('P5: a bottom half that a poll schedules, whatever it should, ends polling', () => {
    using world = rung(make)
    const { ctx, bell } = world
    const log: string[] = []
    const { poll } = bell.handlers
    ctx.setFdHandler(bell.fd, {
      ...bell.handlers,
      poll() {
        if (bell.looks === 100) ctx.scheduleOneshot(() => log.push('bottom half'))
        return poll!.call(this)
      },
    })
    ring(ctx, bell)
    ctx.poll(true)
    expect(log).toEqual(['bottom half'])
  })

  test('P6: polling mode lasts until the context may sleep, and then everybody is asked once more', () => {
    using world = rung(make)
    const { ctx, bell } = world
    for (let i = 0; i < 3; i++) {
      bell.rung = true
      ctx.poll(true)
    }
    expect(bell.log).toEqual(['begin', 'pollReady', 'pollReady', 'pollReady'])
    // What comes at the very end of polling is not lost.
    bell.log.length = 0
    ctx.setPollParams({ maxNs: 1 })
    bell.onEnd = () => {
      bell.rung = true
    }
    expect(ctx.poll(true, 1e6)).toBe(true)
    expect(bell.log).toEqual(['end', 'pollReady'])
  })

  test('P6: who is removed, replaced or left with a closed context in polling mode hears of its end', () => {
    const heard: string[][] = []
    for (const leave of [
      (ctx: AioContext, bell: Doorbell) => ctx.setFdHandler(bell.fd, null),
      (ctx: AioContext, bell: Doorbell) => ctx.setFdHandler(bell.fd, { read() {} }),
      (ctx: AioContext) => ctx.close(),
      (ctx: AioContext) => ctx.setPollParams({ maxNs: 0 }),
    ]) {
      using world = rung(make)
      const { ctx, bell } = world
      bell.rung = true
      ctx.poll(true)
      leave(ctx, bell)
      heard.push(bell.log)
    }
    for (const log of heard) expect(log).toEqual(['begin', 'pollReady', 'end'])
  })

  test('P8: while a pollReady runs, a nested poll does not ask its handler', () => {
    using world = rung(make)
    const { ctx, bell } = world
    bell.onHeard = () => {
      bell.onHeard = () => {}
      bell.rung = true
      const { looks } = bell
      expect(ctx.poll(true, 1e6)).toBe(false)
      expect(bell.looks).toBe(looks)
    }
    bell.rung = true
    ctx.poll(true)
    expect(bell.log.at(-1)).not.toBe('begin')
    ctx.poll(true)
    expect(bell.log.filter((each) => each === 'pollReady').length).toBe(2)
  })

  test('P8, X1: a pollReady that throws is polled for again', () => {
    using world = rung(make)
    const { ctx, bell } = world
    bell.onHeard = () => {
      throw new Error('heard')
    }
    for (let i = 0; i < 3; i++) {
      bell.rung = true
      expect(() => ctx.poll(true)).toThrow('heard')
    }
    expect(bell.log.filter((each) => each === 'pollReady').length).toBe(3)
  })

  test('X1: what poll, pollBegin and pollEnd throw leaves the poll, and the context goes on', () => {
    for (const name of ['poll', 'pollBegin', 'pollEnd'] as const) {
      using world = rung(make)
      const { ctx, bell } = world
      let fails = true
      ctx.setFdHandler(bell.fd, {
        ...bell.handlers,
        [name]() {
          if (fails) throw new Error(`from ${name}`)
          return bell.rung
        },
      })
      bell.notifier.set()
      expect(() => {
        for (let i = 0; i < 9; i++) ctx.poll(true, 1e6)
      }).toThrow(`from ${name}`)
      // One whose poll has thrown comes back when its descriptor is ready.
      fails = false
      bell.notifier.set()
      ctx.poll(true)
      bell.rung = true
      while (!bell.log.includes('pollReady')) ctx.poll(true)
      expect(ctx.stats().eventfdWrites).toBe(0)
    }
  })

  test('X3: a poll that answers with anything but true or false is refused', () => {
    using world = rung(make)
    const { ctx, bell } = world
    ctx.setFdHandler(bell.fd, { ...bell.handlers, poll: (async () => true) as never })
    bell.notifier.set()
    ctx.poll(true)
    expect(() => ctx.poll(true)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  })

  test('F4: a poll that removes handlers, its own and others, calls none of them', () => {
    using world = rung(make)
    const { ctx, bell } = world
    using other = new Doorbell()
    ctx.setFdHandler(bell.fd, {
      ...bell.handlers,
      poll() {
        for (const { fd } of [bell, other]) ctx.setFdHandler(fd, null)
        return true
      },
    })
    ctx.setFdHandler(other.fd, other.handlers)
    for (const each of [bell, other]) each.notifier.set()
    while (bell.log.length < 1 || other.log.length < 1) ctx.poll(true)
    other.rung = true
    for (const each of [bell, other]) each.log.length = 0
    ctx.poll(true, 1e6)
    ctx.poll(true, 1e6)
    for (const each of [bell, other]) expect(each.log).not.toContain('pollReady')
  })

  test('P9: a notification ends polling without a system call, and is no progress', () => {
    using ctx = new AioContext({ fdmon: make(), poll: LONG })
    ctx.poll(false)
    ctx.notify()
    ctx.poll(true)
    const before = ctx.stats()
    ctx.notify()
    expect(ctx.poll(true)).toBe(false)
    const after = ctx.stats()
    expect(after.pollHits + after.waits).toBeGreaterThan(before.pollHits + before.waits - 1)
    expect([after.eventfdWrites, after.systemCalls]).toEqual([before.eventfdWrites, before.systemCalls])
  })
})

test('P1: AIOKIT_POLL_MAX_NS is the default, which an option overrides, and what is no number is refused', () => {
  const [, make] = monitors[0]!
  const polls = (poll?: PollParams): boolean => {
    using ctx = new AioContext({ fdmon: make(), ...(poll && { poll }) })
    // Twice: what is found by the first wait makes the second poll.
    for (let i = 0; i < 2; i++) {
      ctx.notify()
      ctx.poll(true)
    }
    return ctx.stats().pollHits > 0
  }
  delete process.env[VARIABLE]
  expect(polls()).toBe(false)
  process.env[VARIABLE] = '1000000000'
  expect([polls(), polls({ grow: 3 }), polls({ maxNs: 0 })]).toEqual([true, true, false])
  process.env[VARIABLE] = '0'
  expect([polls(), polls({ maxNs: 1e9 })]).toEqual([false, true])
  for (const wrong of ['a lot', '-1', '1e9', '3.5', ' 5', '99999999999999999999']) {
    process.env[VARIABLE] = wrong
    expect(() => polls()).toThrow(/AIOKIT_POLL_MAX_NS must be a whole number of nanoseconds/)
  }
})

test('X3: polling parameters that are none are refused, and change nothing', () => {
  const [, make] = monitors[0]!
  for (const poll of [
    ...[-1, Number.NaN, Infinity, '5', 1n, null].map((maxNs) => ({ maxNs })),
    ...[-1, 0.5, Number.NaN, Infinity, '2', null].flatMap((factor) => [{ grow: factor }, { shrink: factor }]),
    null,
    5,
  ] as PollParams[]) {
    expect(() => new AioContext({ fdmon: make(), poll })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_AIO_/) }),
    )
    using ctx = new AioContext({ fdmon: make() })
    expect(() => ctx.setPollParams(poll)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_AIO_/) }),
    )
  }
  const closed = new AioContext({ fdmon: make() })
  closed.close()
  expect(() => closed.setPollParams({})).toThrow(code('ERR_AIO_CLOSED'))
})

test('P4: each handler grows and shrinks by the waits that ended with it, and the longest of them is polled for', () => {
  const settings = fc.record({
    maxNs: fc.constantFrom(1000, 4000, 10_000, 32_000),
    grow: fc.constantFrom(1, 2, 5),
    shrink: fc.constantFrom(0, 2, 3),
    rule: fc.constant('grow' as const),
  })
  const steps = fc.array(
    fc.record({ who: fc.subarray([0, 1, 2]), afterNs: fc.integer({ min: 0, max: 80_000 }) }),
  )
  fc.assert(
    fc.property(settings, steps, (poll, waits) => {
      using world = new Simulation(poll)
      const bells = [0, 1, 2].map(() => new Doorbell())
      const handlers = bells.map((bell) => world.watch(bell))
      const expected = [0, 0, 0]
      for (const { who, afterNs } of waits) {
        if (who.length === 0) continue
        const start = world.clock + LOOK_NS
        world.wait(
          who.map((i) => handlers[i]!),
          afterNs,
        )
        // The last look at the clock is when the wait is measured.
        const waitNs = world.clock - start
        for (const i of who) {
          const pollNs = expected[i]!
          if (waitNs <= pollNs) continue
          if (waitNs > poll.maxNs) expected[i] = poll.shrink === 0 ? 0 : pollNs / poll.shrink
          else if (waitNs < poll.maxNs && pollNs < poll.maxNs)
            expected[i] = Math.min(poll.maxNs, pollNs === 0 ? 4000 : pollNs * poll.grow)
        }
        expect(handlers.map((each) => each.pollNs)).toEqual(expected)
        expect(world.loop.polling.budgetNs()).toBe(Math.max(...expected))
      }
      for (const bell of bells) bell[Symbol.dispose]()
    }),
  )
})

test('P5: polling never takes longer than the wait may, and what is left of that is waited', () => {
  using world = new Simulation(USUAL)
  using bell = new Doorbell()
  const handler = world.watch(bell)
  handler.pollNs = 4000
  for (const limitNs of [0, 100, 1000, 3900, 4000, 4100, 50_000]) {
    const { pollingNs } = world.loop.polling
    world.monitor.timeouts.length = 0
    world.wait([], 0, limitNs)
    const spent = world.loop.polling.pollingNs - pollingNs
    expect(spent).toBeLessThan(Math.min(limitNs, 4000) + LOOK_NS)
    expect(world.monitor.timeouts.at(-1)).toBe(Math.max(0, limitNs - spent))
  }
})

test('P5: polling ends when the monitor that can be watched has something', () => {
  using world = new Simulation(USUAL, { isWatchable: true })
  using bell = new Doorbell()
  const handler = world.watch(bell)
  handler.pollNs = 4000
  const { hits, misses } = world.loop.polling
  world.wait([handler], 2000)
  expect([world.loop.polling.hits - hits, world.loop.polling.misses - misses]).toEqual([1, 0])
  expect(bell.log.at(-1)).toBe('read')
})

test('P3: the time of pollReady is not counted as polling, nor as waiting', () => {
  using world = new Simulation(USUAL)
  using bell = new Doorbell()
  const handler = world.watch(bell)
  handler.pollNs = 4000
  bell.onHeard = () => {
    world.clock += 1e9
  }
  for (let i = 0; i < 10; i++) {
    bell.rung = true
    world.wait([], 0)
  }
  expect(handler.pollNs).toBe(4000)
  expect(world.loop.polling.pollingNs).toBeLessThan(10_000)
})

test('P7: a handler that is idle for 7 s is not looked at any more, until its descriptor is ready', () => {
  using world = new Simulation(USUAL, { isWatchable: true })
  using idle = new Doorbell()
  using busy = new Doorbell()
  const [handler, other] = [world.watch(idle), world.watch(busy)]
  other.pollNs = 4000
  const wait = (): number => {
    const { looks } = idle
    busy.rung = true
    world.wait([], 0)
    return idle.looks - looks
  }
  world.clock += 6.9e9
  expect(wait()).toBe(1)
  world.clock += 0.2e9
  // Looked at, and when it has left once more.
  expect([wait(), idle.log]).toEqual([2, ['begin', 'end']])
  for (let i = 0; i < 5; i++) expect(wait()).toBe(0)
  world.wait([handler], 1000)
  expect(wait()).toBe(1)
  // What comes at the end is not lost, and makes it stay.
  world.clock += 7.1e9
  idle.onEnd = () => {
    idle.rung = true
  }
  expect([wait(), idle.log.slice(-3), wait()]).toEqual([2, ['end', 'begin', 'pollReady'], 1])
})

test('P7: where only the monitor sees what is not polled for, all stay', () => {
  using world = new Simulation(USUAL)
  using idle = new Doorbell()
  using busy = new Doorbell()
  const handlers = [idle, busy].map((bell) => world.watch(bell)) as [never, never]
  for (const handler of handlers) world.wait([handler], 1000)
  world.clock += 100e9
  const { looks } = idle
  for (let i = 0; i < 5; i++) {
    busy.rung = true
    world.wait([], 0)
  }
  expect(idle.looks).toBeGreaterThanOrEqual(looks + 5)
})

test('P10: a context that does not poll reads no clock', () => {
  using world = new Simulation({ ...USUAL, maxNs: 0 })
  using bell = new Doorbell()
  const handler = world.watch(bell)
  world.wait([handler], 1000)
  world.wait([], 1000)
  expect([world.clockReads, bell.looks]).toEqual([0, 0])
})

describe('P4: the average', () => {
  const AVERAGE = { ...USUAL, rule: 'average' } as const
  /** What so many waits for the same took, in polls that found it. */
  const hitsOf = (world: Simulation, waits: number, one: (i: number) => void): number => {
    const { hits } = world.loop.polling
    for (let i = 0; i < waits; i++) one(i)
    return world.loop.polling.hits - hits
  }

  test('what comes within the time that polling may take is found by polling, after some waits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 28_000 }), (afterNs) => {
        using world = new Simulation(AVERAGE, { isWatchable: true })
        using bell = new Doorbell()
        const handler = world.watch(bell)
        hitsOf(world, 32, () => world.wait([handler], afterNs))
        expect(hitsOf(world, 100, () => world.wait([handler], afterNs))).toBe(100)
      }),
      { numRuns: 50 },
    )
  })

  test('what comes later is slept for: polling takes less than 2% of a longest time each, and looks now and then', () => {
    fc.assert(
      fc.property(fc.integer({ min: 33_000, max: 1e7 }), (afterNs) => {
        using world = new Simulation(AVERAGE, { isWatchable: true })
        using bell = new Doorbell()
        const handler = world.watch(bell)
        const waits = 5000
        expect(hitsOf(world, waits, () => world.wait([handler], afterNs))).toBe(0)
        const { pollingNs, misses } = world.loop.polling
        expect(pollingNs).toBeLessThan(0.02 * waits * AVERAGE.maxNs)
        expect(misses).toBeGreaterThan(5)
        // Once it is fast it is found, although nothing but a probe can see that.
        hitsOf(world, 1100, () => world.wait([handler], 10_000))
        expect(hitsOf(world, 100, () => world.wait([handler], 10_000))).toBe(100)
      }),
      { numRuns: 20 },
    )
  })

  test('while all is slow the clock is read in one wait of eight, and the first short one seen ends that', () => {
    using world = new Simulation(AVERAGE, { isWatchable: true })
    using bell = new Doorbell()
    const handler = world.watch(bell)
    /** While it does not poll. */
    const readsOf = (waits: number, afterNs: number): number => {
      const before = world.clockReads - world.loop.polling.pollingNs / LOOK_NS
      hitsOf(world, waits, () => {
        world.wait([handler], afterNs)
        // What is no wait counts for nothing.
        world.loop.poll(0)
      })
      return world.clockReads - world.loop.polling.pollingNs / LOOK_NS - before
    }
    readsOf(100, 2e6)
    // Two, and one of what is no wait.
    expect(readsOf(800, 2e6)).toBe(3 * 100)
    readsOf(8, 20_000)
    expect(readsOf(100, 20_000)).toBe(3 * 100)
  })

  test('a slow source that takes turns with a fast one does not end polling for that, and one that has ceased does', () => {
    using world = new Simulation(AVERAGE, { isWatchable: true })
    using fast = new Doorbell()
    using slow = new Doorbell()
    const handlers = [world.watch(fast), world.watch(slow)]
    const turn = (i: number): void => world.wait([handlers[i % 2]!], i % 2 === 0 ? 5000 : 500_000)
    hitsOf(world, 64, turn)
    expect(hitsOf(world, 200, turn)).toBe(100)
    // Silent for some waits.
    hitsOf(world, 20, () => turn(1))
    const { misses } = world.loop.polling
    for (let i = 0; i < 100; i++) turn(1)
    expect(world.loop.polling.misses - misses).toBeLessThan(10)
  })
})

test('O1: who listens hears of polling: what begins and ends, grows and shrinks, comes and goes', () => {
  const heard: string[] = []
  const names = [
    'run_poll_handlers_begin',
    'run_poll_handlers_end',
    'poll_grow',
    'poll_shrink',
    'poll_add',
    'poll_remove',
  ]
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const { ctx, ...rest } = message as { ctx: { name: string } }
      heard.push(`${name} ${ctx.name} ${Object.values(rest).join()}`)
    }
    subscribe(`aiokit:${name}`, listener)
    return () => unsubscribe(`aiokit:${name}`, listener)
  })
  try {
    using world = new Simulation(USUAL, { isWatchable: true })
    using bell = new Doorbell()
    const handler = world.watch(bell)
    const { fd } = bell
    world.wait([handler], 1000)
    world.wait([handler], 2000)
    world.wait([handler], 50_000)
    world.wait([], 0, 5000)
    handler.pollNs = 4000
    world.clock += 8e9
    world.wait([], 0, 5000)
    expect(heard).toEqual([
      `poll_add simulated ${fd}`,
      `poll_grow simulated ${fd},0,4000`,
      'run_poll_handlers_begin simulated 4000,-1,false',
      'run_poll_handlers_end simulated 4000,-1,true',
      'run_poll_handlers_begin simulated 4000,-1,false',
      'run_poll_handlers_end simulated 4000,-1,false',
      `poll_shrink simulated ${fd},4000,0`,
      'run_poll_handlers_begin simulated 4000,5000,false',
      `poll_remove simulated ${fd}`,
      'run_poll_handlers_end simulated 4000,1000,false',
    ])
  } finally {
    for (const end of listeners) end()
  }
})
