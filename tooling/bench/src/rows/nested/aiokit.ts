import { AioContext, EventNotifier } from 'aiokit'
import type { Measure } from '../../row.ts'
import { timeLoop } from '../../timing.ts'
import { DEEPEST } from './row.ts'

export const measure: Measure = (request) => {
  const depth = Number(request.case.split(' ')[1])
  using ctx = new AioContext()
  // As many in every case: what is watched must not differ between depths.
  const notifiers = Array.from({ length: DEEPEST + 1 }, () => new EventNotifier())
  let polls = 0
  for (const [level, notifier] of notifiers.entries()) {
    const next = level < depth ? notifiers[level + 1] : undefined
    ctx.setEventNotifier(notifier, {
      read() {
        notifier.testAndClear()
        polls++
        if (next === undefined) return
        next.set()
        ctx.poll(true)
      },
    })
  }
  const first = notifiers[0]!
  const sample = timeLoop(request, (ops) => {
    const end = polls + ops
    while (polls < end) {
      first.set()
      ctx.poll(true)
    }
  })
  for (const notifier of notifiers) {
    ctx.setEventNotifier(notifier, null)
    notifier.close()
  }
  return sample
}
