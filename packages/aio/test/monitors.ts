import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { hasIoUring, hostAs, everywhere as hostedEverywhere } from '@aiokit/testing'
import { AioContext } from '../src/index.ts'

type Make = () => FdMonitorFactory

const all: [name: string, make: Make][] = [
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
  ['io_uring', () => uringMonitor()],
  ['poll that moves to epoll', () => pollMonitor({ upgrade: { at: 8, to: epollMonitor() } })],
]

/** Every monitor, for `describe.each`: what holds of a context holds with each of them. */
export const monitors: typeof all = hasIoUring() ? all : all.filter(([name]) => name !== 'io_uring')

/** Every monitor, with the context run by `poll()` alone, attached to Node's loop, and running it. */
export const everywhere: typeof all = hostedEverywhere(monitors)

export const newContext = (make: Make): AioContext => hostAs(make, new AioContext({ fdmon: make() }))
