import { AioContext, type FdMonitorChoice } from 'aiokit'
import { type Mode, timeDriven } from '../../drive.ts'
import type { Measure } from '../../row.ts'

/** `count` bottom halves are scheduled, and when all have run they are scheduled again. */
export function bottomHalves(fdmon: FdMonitorChoice, mode: Mode, count: number): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon })
    let left = 0
    let pending = 0
    let finish = () => {}
    const scheduleAll = () => {
      pending = count
      for (const half of halves) half.schedule()
    }
    const halves = Array.from({ length: count }, () =>
      ctx.createBottomHalf(() => {
        left--
        if (--pending > 0) return
        if (left > 0) scheduleAll()
        else finish()
      }),
    )
    const sample = await timeDriven(ctx, mode, request, (ops, done) => {
      left = ops
      finish = done
      scheduleAll()
    })
    for (const half of halves) half.delete()
    return sample
  }
}
