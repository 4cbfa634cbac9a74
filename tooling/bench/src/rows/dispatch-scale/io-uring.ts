import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { dispatchScale } from './measure.ts'

export const measure: Measure = dispatchScale(ringOnly())
