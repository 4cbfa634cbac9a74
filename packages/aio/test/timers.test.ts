import { Worker } from 'node:worker_threads'
import { ManualClock, realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AioContext } from '../src/index.ts'
import { everywhere, newContext } from './monitors.ts'

describe.each(everywhere)('timers of a context on %s', (_, make) => {
  let ctx: AioContext
  beforeEach(() => {
    ctx = newContext(make)
  })
  afterEach(() => ctx.close())

  const elsewhere = (action: string, clock: ManualClock) =>
    new Worker(new URL('./fixtures/clock.mjs', import.meta.url), {
      workerData: { handle: clock.handle, action },
    })

  test('T5: a clock that another thread starts wakes the context that sleeps because it stood still', async () => {
    const clock = new ManualClock()
    clock.setEnabled(false)
    let fired = 0
    ctx.createTimer(clock, () => fired++).mod(0)
    expect([ctx.poll(false), fired]).toEqual([false, 0])
    const worker = elsewhere('enable', clock)
    // For ever, unless it is woken.
    ctx.waitWhile(() => fired === 0)
    expect([fired, clock.enabled]).toEqual([1, true])
    await worker.terminate()
  })

  test('T4: a clock that another thread moves wakes the context whose deadline that brings', async () => {
    const clock = new ManualClock()
    let fired = 0
    ctx.createTimer(clock, () => fired++).mod(500)
    const worker = elsewhere('advance', clock)
    ctx.waitWhile(() => fired === 0)
    expect(fired).toBe(1)
    await worker.terminate()
  })

  test('T2: timers of several clocks, armed and deleted by each other', () => {
    const clock = new ManualClock()
    const fired: string[] = []
    const never = ctx.createTimer(realtime, () => fired.push('never'))
    const manual = ctx.createTimer(clock, () => {
      fired.push('manual')
      never.del()
      real.mod(realtime.now() + 1000)
    })
    const real = ctx.createTimer(realtime, () => fired.push('real'))
    never.mod(realtime.now() + 3600e9)
    manual.mod(10)
    clock.advance(10)
    ctx.waitWhile(() => fired.length < 2)
    expect([fired, never.pending, manual.pending, real.pending]).toEqual([
      ['manual', 'real'],
      false,
      false,
      false,
    ])
  })

  test('T3: one that is re-armed to a time already past runs in the next poll, not in the same one', () => {
    const clock = new ManualClock()
    clock.advance(100)
    let fired = 0
    const timer = ctx.createTimer(clock, () => {
      if (++fired < 5) timer.mod(1)
    })
    timer.mod(1)
    for (let i = 1; i <= 5; i++) expect([ctx.poll(true), fired]).toEqual([true, i])
    expect(ctx.poll(false)).toBe(false)
  })
})
