import { AioContext } from '@aiokit/aio'
import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { hasIoUring } from '@aiokit/testing'

const all: [name: string, make: () => FdMonitorFactory][] = [
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
  ['io_uring', () => uringMonitor()],
  ['poll that moves to epoll', () => pollMonitor({ upgrade: { at: 8, to: epollMonitor() } })],
]

/** Every monitor, for `describe.each`: what holds of a context holds with each of them. */
export const monitors: typeof all = hasIoUring() ? all : all.filter(([name]) => name !== 'io_uring')

export const newContext = (make: () => FdMonitorFactory): AioContext => new AioContext({ fdmon: make() })
