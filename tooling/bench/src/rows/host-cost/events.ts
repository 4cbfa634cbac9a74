import { AioContext, EventNotifier, type FdMonitorChoice } from 'aiokit'
import { type Mode, timeDriven } from '../../drive.ts'
import type { Measure } from '../../row.ts'

/** `count` event notifiers are set, and when all have been handled they are set again. */
export function events(fdmon: FdMonitorChoice, mode: Mode, count: number): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon })
    let left = 0
    let pending = 0
    let finish = () => {}
    const notifiers = Array.from({ length: count }, () => new EventNotifier())
    const setAll = () => {
      pending = count
      for (const notifier of notifiers) notifier.set()
    }
    for (const notifier of notifiers) {
      ctx.setEventNotifier(notifier, {
        read() {
          notifier.testAndClear()
          left--
          if (--pending > 0) return
          if (left > 0) setAll()
          else finish()
        },
      })
    }
    const sample = await timeDriven(ctx, mode, request, (ops, done) => {
      left = ops
      finish = done
      setAll()
    })
    for (const notifier of notifiers) {
      ctx.setEventNotifier(notifier, null)
      notifier.close()
    }
    return sample
  }
}
