import type { FdMonitorChoice } from 'aiokit'
import type { Mode } from '../../drive.ts'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { bottomHalves } from './bottom-halves.ts'
import { events } from './events.ts'
import { isEvents, togetherIn } from './row.ts'

export function hostCost(monitor: 'epoll' | 'io_uring' | 'poll', mode: Mode): Measure {
  const fdmon: FdMonitorChoice = monitor === 'io_uring' ? ringOnly() : monitor
  return (request) => {
    const measure = isEvents(request.case) ? events : bottomHalves
    return measure(fdmon, mode, togetherIn(request.case))(request)
  }
}
