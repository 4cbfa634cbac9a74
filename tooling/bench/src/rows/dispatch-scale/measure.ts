import { AioContext, type FdMonitorChoice } from 'aiokit'
import type { Measure } from '../../row.ts'
import { randomNumbers, timeLoop } from '../../timing.ts'
import { Watched } from '../../watched.ts'

const PICKS = 65_536

export function dispatchScale(fdmon: FdMonitorChoice): Measure {
  return (request) => {
    const count = Number(request.case)
    using ctx = new AioContext({ fdmon })
    using watched = new Watched(ctx, count)
    const { notifiers } = watched
    const picks = randomNumbers(PICKS, count)
    const sample = timeLoop(request, (ops) => {
      for (let i = 0; i < ops; i++) {
        notifiers[picks[i % PICKS]!]!.set()
        ctx.poll(true)
      }
    })
    watched.expect(request.warmup + request.ops)
    return sample
  }
}
