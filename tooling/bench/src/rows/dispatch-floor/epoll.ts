import type { Measure } from '../../row.ts'
import { dispatchFloor } from './measure.ts'

export const measure: Measure = dispatchFloor('epoll')
