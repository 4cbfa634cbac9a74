import type { Measure } from '../../row.ts'
import { pingPong } from './contexts.ts'

export const measure: Measure = pingPong('io_uring')
