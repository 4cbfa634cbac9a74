import type { Measure } from '../../row.ts'
import { measureScheduler } from './measure.ts'

export const measure: Measure = measureScheduler((callback, count) => {
  for (let i = 0; i < count; i++) setImmediate(callback)
})
