import type { Measure } from '../../row.ts'
import { timeCallbacks } from '../../timing.ts'
import { burst } from './row.ts'

/** @param scheduleMany calls Node's function for `callback` so many times, by its own name: see the peers */
export function measureScheduler(scheduleMany: (callback: () => void, count: number) => void): Measure {
  return (request) => {
    const size = burst(request.case)
    return timeCallbacks(request, (ops, done) => {
      let left = ops
      let pending = size
      const callback = () => {
        left--
        if (--pending > 0) return
        if (left <= 0) return done()
        pending = size
        scheduleMany(callback, size)
      }
      scheduleMany(callback, size)
    })
  }
}
