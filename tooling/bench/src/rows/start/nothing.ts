import type { Measure } from '../../row.ts'
import { measureProcess } from './measure.ts'

export const measure: Measure = measureProcess('-e', '0')
