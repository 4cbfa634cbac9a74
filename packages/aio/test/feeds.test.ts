import { EventNotifier } from '@aiokit/notifier'
import { ManualClock, realtime } from '@aiokit/timers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AioContext, Feed, type FeedSource } from '../src/index.ts'
import { everywhere, monitors, newContext } from './monitors.ts'

const hosted = everywhere.slice(monitors.length)

/** A source that gives when it is told to. */
class Tap implements FeedSource<number> {
  wanted = 0
  closed = 0
  dropped: number[] = []
  readonly feed: Feed<number>

  constructor(ctx: AioContext, signal?: AbortSignal) {
    this.feed = new Feed(ctx, this, signal === undefined ? {} : { signal })
  }

  want(): void {
    this.wanted++
  }

  close(): undefined {
    this.closed++
  }

  drop(value: number): void {
    this.dropped.push(value)
  }
}

describe.each(hosted)('by %s', (_, make) => {
  test('what is given goes to who waits, both in order, each once; it is asked for one at a time', async () => {
    using ctx = newContext(make)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('give', 'next', 'turn'), { maxLength: 30 }),
        fc.constantFrom('return', 'end', 'fail', 'abort', 'throw'),
        async (steps, how) => {
          const controller = new AbortController()
          const tap = new Tap(ctx, controller.signal)
          const { feed } = tap
          let given = 0
          const waiting: Promise<unknown>[] = []
          const next = () =>
            waiting.push(
              feed.next().then(
                ({ done, value }) => (done ? 'done' : value),
                (error: Error) => error.message,
              ),
            )
          for (const step of steps) {
            if (step === 'give') feed.give(given++)
            else if (step === 'next') next()
            else await null
            expect(feed.kept).toBe(Math.max(0, given - waiting.length))
            expect(feed.isWanted).toBe(waiting.length > given)
          }
          const asked = waiting.length
          if (how === 'return') await feed.return()
          else if (how === 'throw') await feed.throw(new Error('mine')).catch(() => {})
          else if (how === 'end') feed.end()
          else if (how === 'fail') feed.fail(new Error('mine'))
          else controller.abort(new Error('mine'))
          feed.give(99)
          while (waiting.length < Math.max(given, asked) + 2) next()
          const takes = how === 'end' || how === 'fail' ? given : Math.min(given, asked)
          const values = Array.from({ length: takes }, (_, i) => i)
          const rest = Array.from({ length: waiting.length - takes }, () => 'done')
          if (how === 'fail' || how === 'abort') rest[0] = 'mine'
          expect(await Promise.all(waiting)).toEqual([...values, ...rest])
          const dropped = Array.from({ length: given - takes }, (_, i) => takes + i)
          expect([tap.closed, tap.dropped]).toEqual([1, [...dropped, 99]])
          expect(tap.wanted).toBeLessThanOrEqual(asked)
        },
      ),
    )
  })

  test('N7: a notifier tells of a burst once, and of nothing that was not', async () => {
    using ctx = newContext(make)
    using notifier = new EventNotifier()
    const events = ctx.events(notifier)
    const first = events.next()
    const second = events.next()
    for (let i = 0; i < 5; i++) notifier.set()
    expect(await first).toEqual({ value: undefined, done: false })
    notifier.set()
    expect((await second).done).toBe(false)
    expect(notifier.testAndClear()).toBe(false)
    // While nobody waits it stays in the notifier.
    notifier.set()
    await new Promise((resolve) => setImmediate(resolve))
    expect(notifier.testAndClear()).toBe(true)
    notifier.set()
    for await (const _ of events) break
    expect((await events.next()).done).toBe(true)
    expect(() => ctx.events({} as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  })

  test('a signal ends events and intervals with its reason', async () => {
    using ctx = newContext(make)
    using notifier = new EventNotifier()
    const controller = new AbortController()
    const { signal } = controller
    const ends = Promise.allSettled([
      ctx.events(notifier, { signal }).next(),
      ctx.interval(realtime, 1e15, { signal }).next(),
    ])
    controller.abort()
    const reason = signal.reason as Error
    expect(await ends).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ])
    expect(() => ctx.interval(realtime, 1, { signal })).toThrow(reason)
  })

  test('an interval does not drift, and counts what a slow consumer has missed', async () => {
    using ctx = newContext(make)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat(5000)), { maxLength: 20 }),
        async (period, steps) => {
          const clock = new ManualClock('test')
          const interval = ctx.interval(clock, period)
          let told = 0
          for (const [waits, ns] of steps) {
            const passed = () => Math.floor(clock.now() / period)
            if (passed() > told || waits) {
              const next = interval.next()
              clock.advance(passed() > told ? 0 : Math.max(ns, period))
              const { value } = await next
              expect(told + (value as number)).toBeLessThanOrEqual(passed())
              told += value as number
              expect(passed() - told).toBe(0)
            } else {
              clock.advance(ns)
            }
          }
          await interval.return()
        },
      ),
      { numRuns: 30 },
    )
    expect(() => ctx.interval(realtime, 0)).toThrow(expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }))
  })

  test('X4: closing the context ends what waits', async () => {
    const ctx = newContext(make)
    using notifier = new EventNotifier()
    const ends = Promise.allSettled([ctx.events(notifier).next(), ctx.interval(realtime, 1e15).next()])
    await ctx[Symbol.asyncDispose]()
    for (const end of await ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'ERR_AIO_CLOSED' } })
  })
})

test('A4: `await using` stops a loop that runs, and waits until that was heard', async () => {
  let stopped = false
  {
    await using ctx = newContext(monitors[0]![1])
    void ctx.run().then(() => {
      stopped = true
    })
  }
  expect(stopped).toBe(true)
})
