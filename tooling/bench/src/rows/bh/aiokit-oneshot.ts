import { AioContext } from 'aiokit'
import type { Measure } from '../../row.ts'
import { timeLoop } from '../../timing.ts'
import { burst } from './row.ts'

export const measure: Measure = (request) => {
  using ctx = new AioContext()
  const size = burst(request.case)
  let left = 0
  let pending = 0
  const callback = () => {
    left--
    if (--pending === 0 && left > 0) schedule()
  }
  const schedule = () => {
    pending = size
    for (let i = 0; i < size; i++) ctx.scheduleOneshot(callback)
  }
  return timeLoop(request, (ops) => {
    left = ops
    schedule()
    while (left > 0) ctx.poll(true)
  })
}
