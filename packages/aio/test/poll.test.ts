import { EventNotifier } from '@aiokit/notifier'
import * as sys from '@aiokit/sys'
import { pipe, readAll } from '@aiokit/testing'
import { ManualClock, realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'
import { everywhere, newContext } from './monitors.ts'

describe.each(everywhere)('poll() on %s', (_, make) => {
  let ctx: AioContext
  beforeEach(() => {
    ctx = newContext(make)
  })
  afterEach(() => ctx.close())

  test('N6: a notification makes a blocking poll return at once, and is not progress', () => {
    ctx.notify()
    ctx.notify()
    expect(ctx.poll(true)).toBe(false)
    expect(ctx.poll(false)).toBe(false)
  })

  test('N3: a notification is taken by the poll that sees it; the next one would block', () => {
    ctx.notify()
    ctx.poll(true)
    const start = sys.monotonicNs()
    expect(ctx.poll(true, 1_000_000)).toBe(false)
    expect(sys.monotonicNs() - start).toBeGreaterThanOrEqual(1_000_000)
  })

  test('N3: a notification from a callback is for the next poll, which it makes return at once', () => {
    for (const stage of ['bottom half', 'timer'] as const) {
      const clock = new ManualClock()
      const notify = () => ctx.notify()
      if (stage === 'timer') ctx.createTimer(clock, notify).mod(0)
      else ctx.scheduleOneshot(notify)
      expect(ctx.poll(true)).toBe(true)
      const start = sys.monotonicNs()
      expect(ctx.poll(true, 5e9)).toBe(false)
      expect(sys.monotonicNs() - start, stage).toBeLessThan(5e9)
    }
  })

  test('a time limit, a timer and an idle bottom half: a poll blocks for the shortest', () => {
    const timer = ctx.createTimer(realtime, () => {})
    const bh = ctx.createBottomHalf(() => {})
    const cases: [limit: number, timer: number, idle: boolean, shortest: number][] = [
      [20e9, 2e6, false, 2e6],
      [20e9, 20e9, true, 10e6],
      [2e6, 20e9, true, 2e6],
    ]
    for (const [limit, deadline, idle, shortest] of cases) {
      const start = realtime.now()
      timer.mod(start + deadline)
      if (idle) bh.scheduleIdle()
      ctx.poll(true, limit)
      expect(realtime.now() - start).toBeGreaterThanOrEqual(shortest - 1000)
      expect(realtime.now() - start).toBeLessThan(20e9)
      bh.cancel()
    }
    timer.del()
    bh.delete()
  }, 15_000)

  test('a poll that is not to block does not, one with a time limit keeps it', () => {
    expect(ctx.poll(false)).toBe(false)
    const start = sys.monotonicNs()
    expect(ctx.poll(true, 3_000_000)).toBe(false)
    expect(sys.monotonicNs() - start).toBeGreaterThanOrEqual(3_000_000)
    expect(ctx.poll(true, 0)).toBe(false)
  })

  test('B1: a scheduled bottom half keeps a blocking poll from blocking, and is progress', () => {
    let runs = 0
    const bh = ctx.createBottomHalf(() => runs++)
    bh.schedule()
    expect([ctx.poll(true), runs]).toEqual([true, 1])
    bh.delete()
  })

  test('B6: an idle bottom half lets a poll block for 10 ms and is not progress', () => {
    let runs = 0
    const bh = ctx.createBottomHalf(() => runs++)
    bh.scheduleIdle()
    const start = sys.monotonicNs()
    expect(ctx.poll(true)).toBe(false)
    const took = sys.monotonicNs() - start
    expect(runs).toBe(1)
    expect(took).toBeGreaterThanOrEqual(9_999_000)
    bh.scheduleIdle()
    expect([ctx.poll(false), runs]).toEqual([false, 2])
    bh.delete()
  })

  test('bottom halves come before handlers, handlers before timers', () => {
    const order: string[] = []
    const [reader, writer] = pipe()
    const clock = new ManualClock()
    const timer = ctx.createTimer(clock, () => order.push('timer'))
    timer.mod(0)
    sys.write(writer, new Uint8Array(1))
    ctx.setFdHandler(reader, { read: () => void order.push('handler') })
    ctx.scheduleOneshot(() => order.push('bottom half'))
    expect(ctx.poll(true)).toBe(true)
    expect(order).toEqual(['bottom half', 'handler', 'timer'])
    ctx.setFdHandler(reader, null)
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('T2: a blocking poll wakes for the nearest timer, not before its deadline', () => {
    const fired: number[] = []
    const start = realtime.now()
    const timers = [4, 2].map((ms) => {
      const timer = ctx.createTimer(realtime, () => fired.push(ms))
      timer.mod(start + ms * 1e6)
      return timer
    })
    ctx.waitWhile(() => fired.length < 2)
    expect(fired).toEqual([2, 4])
    expect(realtime.now() - start).toBeGreaterThanOrEqual(4e6)
    expect(timers.some((timer) => timer.pending)).toBe(false)
  })

  test('T4: a deadline that moved forward before a poll shortens it', () => {
    let fired = false
    const timer = ctx.createTimer(realtime, () => {
      fired = true
    })
    timer.mod(realtime.now() + 3600e9)
    timer.mod(realtime.now() + 1e6)
    ctx.waitWhile(() => !fired)
    timer.del()
  })

  test('N7: an event notifier is watched like a descriptor', () => {
    using notifier = new EventNotifier()
    let events = 0
    ctx.setEventNotifier(notifier, { read: () => void (notifier.testAndClear() && events++) })
    expect(ctx.poll(false)).toBe(false)
    notifier.set()
    notifier.set()
    expect([ctx.poll(true), events, ctx.poll(false)]).toEqual([true, 1, false])
    ctx.setEventNotifier(notifier, null)
    notifier.set()
    expect([ctx.poll(false), events]).toEqual([false, 1])
  })

  test('waitWhile polls until its condition is false, and not at all if it is', () => {
    const { polls } = ctx.stats()
    ctx.waitWhile(() => false)
    expect(ctx.stats().polls).toBe(polls)
    let left = 5
    const bh = ctx.createBottomHalf(() => {
      if (--left > 0) bh.schedule()
    })
    bh.schedule()
    ctx.waitWhile(() => left > 0)
    expect(left).toBe(0)
    bh.delete()
  })

  test('the context whose callback is running is the current one, also when contexts nest', () => {
    using other = newContext(make)
    const seen: (AioContext | null)[] = [AioContext.current]
    ctx.scheduleOneshot(() => {
      seen.push(AioContext.current)
      other.scheduleOneshot(() => seen.push(AioContext.current))
      other.poll(false)
      seen.push(AioContext.current)
    })
    ctx.poll(false)
    seen.push(AioContext.current)
    other.makeCurrent()
    seen.push(AioContext.current)
    other.close()
    const expected = [null, ctx, other, ctx, null, other, null]
    // One by one: two contexts are equal to toEqual().
    for (const [i, one] of [...seen, AioContext.current].entries()) expect(one, `${i}`).toBe(expected[i])
  })

  test('M2: many descriptors are dispatched in one poll', () => {
    const pipes = Array.from({ length: 100 }, pipe)
    let reads = 0
    for (const [reader, writer] of pipes) {
      ctx.setFdHandler(reader, {
        read() {
          reads++
          readAll(reader)
        },
      })
      sys.write(writer, new Uint8Array(1))
    }
    expect([ctx.poll(true), reads, ctx.poll(false)]).toEqual([true, 100, false])
    for (const [reader, writer] of pipes) {
      ctx.setFdHandler(reader, null)
      sys.close(reader)
      sys.close(writer)
    }
  })
})
