import { AioContext } from '@aiokit/aio'
import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'

/** Every monitor, for `describe.each`: what holds of a context holds with each of them. */
export const monitors: [name: string, make: () => FdMonitorFactory][] = [
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
  ['io_uring', () => uringMonitor()],
  ['poll that moves to epoll', () => pollMonitor({ upgrade: { at: 8, to: epollMonitor() } })],
]

export const newContext = (make: () => FdMonitorFactory): AioContext => new AioContext({ fdmon: make() })
