import { AioContext } from '@aiokit/aio'
import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { everywhere, hasIoUring, hostAs } from '@aiokit/testing'

const all: [name: string, make: () => FdMonitorFactory][] = [
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
  ['io_uring', () => uringMonitor()],
  ['poll that moves to epoll', () => pollMonitor({ upgrade: { at: 8, to: epollMonitor() } })],
]

/**
 * Every monitor, with the context run by `poll()` alone, attached to Node's loop, and running it: what holds of a context
 * holds with each of them.
 */
export const monitors: typeof all = everywhere(
  hasIoUring() ? all : all.filter(([name]) => name !== 'io_uring'),
)

export const newContext = (make: () => FdMonitorFactory): AioContext =>
  hostAs(make, new AioContext({ fdmon: make() }))
