import type { ReadyList } from '@aiokit/fdmon'
import { expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'
import { IdleMonitor } from './idle-monitor.ts'

/** A monitor with completions of its own, in place of one on io_uring: what the context makes of its answers. */
class CompletingMonitor extends IdleMonitor {
  override readonly name = 'io_uring'
  readonly waiting: (() => void)[] = []
  failure: Error | null = null

  override wait(ready: ReadyList, timeoutNs: number): void {
    super.wait(ready, timeoutNs)
    if (this.failure) throw this.failure
  }

  get hasPending(): boolean {
    return this.waiting.length > 0
  }

  dispatch(): boolean {
    const had = this.hasPending
    while (this.hasPending) this.waiting.shift()!()
    return had
  }
}

function context(): { ctx: AioContext; monitor: CompletingMonitor } {
  const monitor = new CompletingMonitor()
  return { ctx: new AioContext({ fdmon: () => monitor }), monitor }
}

test('M1, U2: a poll does not block while the monitor has completions to deliver, and they are progress', () => {
  const { ctx, monitor } = context()
  const log: string[] = []
  ctx.scheduleOneshot(() => log.push('bottom half'))
  monitor.waiting.push(() => log.push('completion'))
  expect(ctx.poll(true)).toBe(true)
  expect(log).toEqual(['bottom half', 'completion'])
  expect(ctx.poll(true, 5)).toBe(false)
  monitor.waiting.push(() => {})
  expect(ctx.poll(true)).toBe(true)
  expect(monitor.timeouts).toEqual([0, 5, 0])
  ctx.close()
})

test('X1: a monitor that throws leaves the context as one that is awake', () => {
  const { ctx, monitor } = context()
  monitor.failure = new Error('no kernel today')
  expect(() => ctx.poll(true)).toThrow('no kernel today')
  ctx.notify()
  expect([ctx.stats().eventfdWrites, AioContext.current]).toEqual([0, null])
  monitor.failure = null
  expect(ctx.poll(true)).toBe(false)
  expect(monitor.timeouts).toEqual([-1, 0])
  ctx.close()
})
