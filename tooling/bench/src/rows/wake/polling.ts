import type { MonitorName } from '../../monitor.ts'
import type { Measure } from '../../row.ts'
import { pingPong } from './contexts.ts'

export function polling(monitor: MonitorName, maxNs: number): Measure {
  return pingPong(monitor, { maxNs })
}
