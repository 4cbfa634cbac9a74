import { call } from '@aiokit/callback'
import { aioTypeError, describe, requireFunction, requireInteger, requireObject } from '@aiokit/errors'
import { Clock } from './clock.ts'
import { closedError, PendingTimers } from './pending-timers.ts'
import { enterPass, leavePass } from './running-passes.ts'
import { Timer } from './timer.ts'

/** How soon a list that nobody can wake looks at its stopped clock again, in ns. */
const LOOK_AGAIN_NS = 10_000_000

export interface TimerListOptions {
  /**
   * Called in the list's own thread when the nearest deadline has become earlier, or its clock was enabled or set: a
   * loop that has computed its timeout has to do it again. Not called for what a callback of this list does, since
   * `deadlineNs()` is asked after the pass anyway.
   */
  notify: () => void
  /**
   * The eventfd that wakes the loop, for other threads: one that enables the clock (or sets it, if it is a
   * `ManualClock`) writes 8 bytes to it, the number 1. It has to stay open until `close()`.
   */
  wakeFd?: number
}

/**
 * The timers of one event loop on one clock. The loop sleeps for at most `deadlineNs()` and then calls `run()`. A list
 * and its timers belong to the thread that made them.
 */
export class TimerList {
  readonly clock: Clock
  readonly #pending: PendingTimers
  readonly #notify: () => void
  /** The list's row in the memory shared by the clock's threads, -1 if that was full. */
  readonly #row: number
  readonly #canBeWoken: boolean

  /**
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`, RangeError `ERR_AIO_OUT_OF_RANGE`
   * @throws Error `EBADF` if `wakeFd` is not open
   */
  constructor(clock: Clock, options: TimerListOptions) {
    if (!(clock instanceof Clock)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"clock" must be a Clock: realtime, host, virtual or one of your own. Received ${describe(clock)}.`,
      )
    }
    requireObject(options, 'options')
    const wakeFd = requireInteger(options.wakeFd ?? -1, 'options.wakeFd', -1, 0x7fff_ffff)
    this.clock = clock
    this.#notify = requireFunction(options.notify, 'options.notify')
    this.#pending = new PendingTimers(this.#notify)
    this.#row = clock.state.addRow(wakeFd)
    this.#canBeWoken = this.#row >= 0 || wakeFd < 0
    clock.state.lists.add(this)
  }

  /**
   * A timer of this list, not armed.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`, Error `ERR_AIO_CLOSED`
   */
  createTimer(callback: () => void): Timer {
    if (this.#pending.closed) throw closedError()
    return new Timer(this.#pending, requireFunction(callback, 'callback'))
  }

  /** Whether any timer is armed, on a clock that is stopped too. */
  get isPending(): boolean {
    return !this.#pending.isEmpty
  }

  /**
   * How long the loop may sleep, in whole ns: 0 if something is due or was left by a pass that threw, -1 (for ever) if
   * nothing is pending, the clock is stopped, or it is a `ManualClock`, whose time does not come by waiting: then
   * `notify` or `wakeFd` ends the sleep. The clock is read only if it matters.
   *
   * @throws Error `ERR_AIO_CLOSED`
   */
  deadlineNs(): number {
    const pending = this.#pending
    if (pending.closed) throw closedError()
    if (pending.isEmpty) return -1
    const { clock } = this
    if (!clock.enabled) return this.#untilWoken()
    if (pending.hasQueued) return 0
    const left = pending.nearest - clock.now()
    if (left <= 0) return 0
    // Rounded up: waking before the deadline would be one round for nothing.
    return clock.flows ? Math.ceil(left) : this.#untilWoken()
  }

  /**
   * Runs what is due, by deadline and then by arming, after anything an earlier or outer pass left. Returns whether a
   * callback ran. While the clock is stopped none does. A callback may call it again (a nested poll).
   *
   * @throws what a callback throws; the rest is run by the next pass (rule X1)
   * @throws Error `ERR_AIO_CLOSED`
   */
  run(): boolean {
    const pending = this.#pending
    if (pending.closed) throw closedError()
    if (pending.isEmpty) return false
    const { state } = this.clock
    if (!state.enabled) return false
    const now = this.clock.now()
    if (!(pending.nearest <= now)) return false
    pending.passes++
    enterPass(state, this.#row)
    try {
      // After `enterPass`, see there.
      if (!state.enabled) return false
      // There is at least one. What callbacks arm from here on waits for the next pass (rule T3).
      pending.queueDue(now)
      do {
        const timer = pending.next()
        call(timer.callback, undefined, timer.scope, 'timer')
        // Who stops the clock waits for `leavePass`, but should not have to wait for more than one callback.
      } while (pending.hasQueued && state.seemsEnabled)
      return true
    } finally {
      leavePass()
      if (--pending.passes === 0 && pending.closed) state.removeRow(this.#row)
    }
  }

  /**
   * Disarms all timers for good. When it returns no thread writes `wakeFd` any more, so that it may be closed. It may be
   * called from a callback, which is the last one then, and twice.
   */
  close(): void {
    const { state } = this.clock
    if (this.#pending.closed) return
    this.#pending.close()
    state.lists.delete(this)
    // The row also says that a pass is running: it goes when the last one has ended.
    if (this.#pending.passes > 0) state.forgetWakeFd(this.#row)
    else state.removeRow(this.#row)
  }

  /** For the clock: it was enabled or set by this thread. */
  clockChanged(): void {
    this.#notify()
  }

  #untilWoken(): number {
    return this.#canBeWoken ? -1 : LOOK_AGAIN_NS
  }
}
