import type { FdMonitorChoice } from 'aiokit'
import { ringOnly } from './ring.ts'

/** A name, for several threads to make one of. */
export type MonitorName = 'epoll' | 'io_uring'

/** What a context is to be made with. */
export function monitorOf(name: MonitorName): FdMonitorChoice {
  return name === 'io_uring' ? ringOnly() : name
}
