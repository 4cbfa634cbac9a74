import { AioContext } from 'aiokit'
import type { Measure } from '../../row.ts'
import { timeLoop } from '../../timing.ts'
import { burst } from './row.ts'

export const measure: Measure = (request) => {
  using ctx = new AioContext()
  const size = burst(request.case)
  let left = 0
  let pending = 0
  const halves = Array.from({ length: size }, () =>
    ctx.createBottomHalf(() => {
      left--
      if (--pending === 0 && left > 0) schedule()
    }),
  )
  const schedule = () => {
    pending = size
    for (let i = 0; i < size; i++) halves[i]!.schedule()
  }
  const sample = timeLoop(request, (ops) => {
    left = ops
    schedule()
    while (left > 0) ctx.poll(true)
  })
  for (const half of halves) half.delete()
  return sample
}
