import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { Clock, type ClockOptions } from './clock.ts'

/**
 * Workers inherit environment data when they are started, so a worker whose parent has loaded this module (or whose
 * parent's parent had, and so on) finds the state of its clocks here. The number is that of the layout of the state.
 */
const KEY = 'aiokit.timers.clocks.1'

type Name = 'realtime' | 'host' | 'virtual'
const inherited = getEnvironmentData(KEY) as unknown as Record<Name, SharedArrayBuffer> | undefined

function standardClock(name: Name, options: Omit<ClockOptions, 'name'>): Clock {
  return new Clock({ name, ...options }, inherited?.[name])
}

/** CLOCK_MONOTONIC: time since the machine was started, never set, the same in all threads. */
export const realtime: Clock = standardClock('realtime', { source: 'monotonic' })

/**
 * The wall clock: time since 1970, as `Date.now()` has it but with what can be told below the millisecond (steps of
 * 256 ns, the last bit of a double). It follows when the clock is set; a loop that sleeps already does not notice that.
 */
export const host: Clock = standardClock('host', { source: 'wall' })

/** Like `realtime`, but its time stands still while it is disabled and goes on from there. */
export const virtual: Clock = standardClock('virtual', { source: 'monotonic', pausable: true })

if (inherited === undefined) {
  const states: Record<Name, SharedArrayBuffer> = {
    realtime: realtime.state.buffer,
    host: host.state.buffer,
    virtual: virtual.state.buffer,
  }
  setEnvironmentData(KEY, states as never)
}
