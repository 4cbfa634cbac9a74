import { AioContext, type PollParams, sys } from 'aiokit'
import { type MonitorName, monitorOf } from '../../monitor.ts'
import type { Measure } from '../../row.ts'
import { threadCpuNs } from '../../schedstat.ts'
import { timeLoop } from '../../timing.ts'
import { Answerer } from './answerer.ts'
import { Bell } from './bell.ts'
import { Ticker } from './ticker.ts'

/** Of the fast source. */
const ANSWER_NS = 3000
/** Of the slow one. */
const PERIOD_NS = 1_000_000

/**
 * @param poll of the context
 * @param burst questions that follow each other, before the next tick of the slow source is waited for
 */
export function mixed(monitor: MonitorName, poll: PollParams, burst: number): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon: monitorOf(monitor), poll })
    let left = 0
    let inBurst = 0
    let began = 0
    let busy = 0
    const begin = () => {
      inBurst = Math.min(burst, left)
      began = sys.monotonicNs()
      answerer.ask()
    }
    using fast = new Bell(ctx, () => {
      left--
      if (--inBurst > 0) answerer.ask()
      else busy += sys.monotonicNs() - began
    })
    using slow = new Bell(ctx, () => {
      if (inBurst === 0 && left > 0) begin()
    })
    const answerer = await Answerer.start(fast.handle, ANSWER_NS)
    const ticker = await Ticker.start(slow.handle, PERIOD_NS)
    const sample = timeLoop(
      request,
      (ops) => {
        left = ops
        busy = 0
        while (left > 0) ctx.poll(true)
      },
      () => 0,
      threadCpuNs,
    )
    await ticker.stop()
    await answerer.stop()
    return { ...sample, ns: busy / sample.ops }
  }
}
