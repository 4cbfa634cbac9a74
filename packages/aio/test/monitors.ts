import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { hasIoUring } from '@aiokit/testing'
import { afterEach } from 'vitest'
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

/** What else than `poll()` runs the context; `poll()` is to work as it does without. */
const hosts = new Map<Make, 'attach' | 'run'>()

function hosted(host: 'attach' | 'run'): typeof all {
  return monitors.map(([name, make]) => {
    const another = () => make()
    hosts.set(another, host)
    return [`${name}, ${host === 'run' ? 'running' : 'attached'}`, another]
  })
}

/** Every monitor, with the context run by `poll()` alone, attached to Node's loop, and running it. */
export const everywhere: typeof all = [...monitors, ...hosted('attach'), ...hosted('run')]

let running: AioContext | null = null
// A thread can run one. Tests that have two of them attach the second.
afterEach(() => {
  running?.stop()
  running = null
})

export function newContext(make: Make): AioContext {
  const ctx = new AioContext({ fdmon: make() })
  const host = hosts.get(make)
  if (host === 'run' && running === null) {
    running = ctx
    ctx.run()
  } else if (host !== undefined) {
    ctx.attach()
  }
  return ctx
}
