import type { AsyncResource } from 'node:async_hooks'
import { captureScope } from '@aiokit/callback'
import { aioRangeError, describe, requireNumber } from '@aiokit/errors'
import type { PendingTimers } from './pending-timers.ts'

/**
 * Runs its callback once its clock has reached a deadline. Made by `TimerList.createTimer()`; it belongs to the thread
 * that made it.
 *
 * All deadlines are absolute, in nanoseconds of the timer's clock: `timer.mod(clock.now() + 1e6)`. A timer fires once;
 * a callback that wants to be called again arms it again.
 */
export class Timer implements Disposable {
  readonly #pending: PendingTimers
  /** @internal */
  readonly callback: () => void
  /** @internal */
  readonly scope: AsyncResource = captureScope('AIO_TIMER')
  /** Where it is pending, if it is: a guess that `#pending.has` confirms or not. */
  #slot = 0

  /** Not for direct use: see `TimerList.createTimer()`. */
  constructor(pending: PendingTimers, callback: () => void) {
    this.#pending = pending
    this.callback = callback
  }

  /** Whether the callback is going to be called. It is false from the moment in which the callback begins. */
  get pending(): boolean {
    return this.#pending.has(this, this.#slot)
  }

  /** The deadline in ns, -1 when not pending. */
  get expireTime(): number {
    return this.#pending.has(this, this.#slot) ? this.#pending.deadlineOf(this.#slot) : -1
  }

  /**
   * Arms the timer, or moves its deadline to `expireNs`, earlier or later. A negative deadline is taken as 0. A deadline
   * already past is due at once: in the next pass, never in the one that is running (rule T3).
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` if `expireNs` is not a number
   * @throws RangeError `ERR_AIO_OUT_OF_RANGE` if it is NaN or infinite
   * @throws Error `ERR_AIO_CLOSED` if the list was closed
   */
  mod(expireNs: number): void {
    this.#slot = this.#pending.arm(this, this.#slot, checkedDeadline(expireNs))
  }

  /** Like `mod`, but does nothing to a timer that is pending with a deadline that early already. */
  modAnticipate(expireNs: number): void {
    this.#slot = this.#pending.anticipate(this, this.#slot, checkedDeadline(expireNs))
  }

  /** Disarms the timer; it can be armed again. Does nothing if it is not pending, nor after the list was closed. */
  del(): void {
    this.#pending.disarm(this, this.#slot)
  }

  [Symbol.dispose](): void {
    this.del()
  }
}

function checkedDeadline(expireNs: number): number {
  // One comparison for what nearly always is: it fails for NaN, for infinity and for what is not a number.
  if (typeof expireNs === 'number' && expireNs > 0 && expireNs < Number.POSITIVE_INFINITY) return expireNs
  // NaN is no number from anything to anything: what is said of it below suits it better.
  if (!Number.isNaN(expireNs))
    requireNumber(expireNs, 'expireNs', Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
  if (!Number.isFinite(expireNs)) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"expireNs" must be finite; use del() for a timer that is not to fire. Received ${describe(expireNs)}.`,
    )
  }
  return 0
}
