import { requireNumber, requireString } from '@aiokit/errors'
import { Clock, type ClockHandle, requireHandle } from './clock.ts'

/**
 * A clock for simulations and tests: its time is what it was last set to. No loop can sleep until a deadline on it, so
 * setting it wakes the loops that have timers on it, in all threads.
 */
export class ManualClock extends Clock {
  /** @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` if `name` is not a string */
  constructor(name = 'manual', shared?: SharedArrayBuffer) {
    super({ name: requireString(name, 'name'), source: 'manual', pausable: true }, shared)
  }

  /** The same clock in another thread. */
  static override from(handle: ClockHandle): ManualClock {
    const { name, state } = requireHandle(handle, 'manual')
    return new ManualClock(name, state)
  }

  /**
   * Sets the time to `ns`, later or earlier, whether the clock is enabled or not.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`, RangeError `ERR_AIO_OUT_OF_RANGE`
   */
  set(ns: number): void {
    this.state.set(requireNumber(ns, 'ns', 0, Number.MAX_SAFE_INTEGER), false)
  }

  /**
   * Moves the time on by `ns`.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`, RangeError `ERR_AIO_OUT_OF_RANGE`
   */
  advance(ns: number): void {
    this.state.set(requireNumber(ns, 'ns', 0, Number.MAX_SAFE_INTEGER), true)
  }
}
