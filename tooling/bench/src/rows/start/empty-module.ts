import type { Measure } from '../../row.ts'
import { measureProcess } from './measure.ts'

export const measure: Measure = measureProcess('--input-type=module', '-e', '0')
