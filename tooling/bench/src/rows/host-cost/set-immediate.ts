import type { Measure } from '../../row.ts'
import { timeCallbacks } from '../../timing.ts'
import { togetherIn } from './row.ts'

export const measure: Measure = (request) => {
  const count = togetherIn(request.case)
  return timeCallbacks(request, (ops, done) => {
    let left = ops
    let pending = 0
    const callback = () => {
      left--
      if (--pending > 0) return
      if (left > 0) scheduleAll()
      else done()
    }
    const scheduleAll = () => {
      pending = count
      for (let i = 0; i < count; i++) setImmediate(callback)
    }
    scheduleAll()
  })
}
