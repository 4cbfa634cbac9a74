import { call, captureScope, captureScopeIfHosted } from '@aiokit/callback'
import {
  aioError,
  aioTypeError,
  describe,
  requireBoolean,
  requireFunction,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { NotifyGate } from '@aiokit/notifier'
import { QTailQ } from '@aiokit/qlist'
import { BottomHalf, type BottomHalfOptions } from './bottom-half.ts'
import { ReentrancyGuard } from './reentrancy-guard.ts'
import type { BottomHalfHandle } from './remote-bottom-half.ts'
import { SharedSlots } from './shared-slots.ts'
import type { SharedStates } from './shared-states.ts'

/** What `async_hooks` are told that the callbacks are. */
const SCOPE = 'AIO_BH'

/** A loop with a scheduled idle bottom half sleeps no longer than this, in nanoseconds (rule B6). */
export const IDLE_INTERVAL_NS = 10_000_000

/**
 * The bottom halves of one loop: one queue in the order of scheduling.
 *
 * Where the original moves what is scheduled into a slice for each run and chains the slices of nested polls, here
 * each bottom half remembers the number of the latest run at the time it was scheduled, and a run takes only those
 * from before itself. It comes to the same: what is scheduled during a run is left for the next (B2), a nested run
 * first finishes what its parents had not run (B4), and after a throw the rest stays queued (X1). It also gives the
 * order of scheduling (B3). What other threads schedule comes by a list of its own, which each run takes first.
 */
export class BottomHalfList {
  readonly #gate: NotifyGate
  readonly #queue: QTailQ<BottomHalf> = new QTailQ<BottomHalf>()
  readonly #created: Set<BottomHalf> = new Set<BottomHalf>()
  /** Null until one is shared. */
  #shared: SharedSlots | null = null
  #epoch = 0
  #idle = 0
  #closed = false

  /** How many are queued that are not idle ones. */
  #ready = 0

  /** Callbacks run so far. */
  runs = 0

  /**
   * @param gate nudged when something is scheduled, for a host loop that is about to sleep
   * @throws `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(gate: NotifyGate) {
    if (!(gate instanceof NotifyGate)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"gate" must be the NotifyGate of the loop. Received ${describe(gate)}.`,
      )
    }
    this.#gate = gate
  }

  /** True if a poll has bottom halves to run and must not block. */
  get isReady(): boolean {
    return this.#ready > 0 || (this.#shared !== null && !this.#shared.states.isEmpty)
  }

  /** What other threads need to schedule those that are shared. */
  get states(): SharedStates {
    return this.#slots().states
  }

  /** True if an idle bottom half waits for the loop to come by. */
  get isIdleScheduled(): boolean {
    return this.#idle > 0
  }

  /**
   * @throws `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_TOO_MANY_SHARED`; `ERR_AIO_CLOSED` after `close()`
   */
  create(callback: () => void, options: BottomHalfOptions = {}): BottomHalf {
    requireFunction(callback, 'callback')
    // All of it here: a name or guard that will not do would otherwise be noticed by a poll or at the close.
    const { name, guard, shared = false } = requireObject(options, 'options')
    if (name !== undefined) requireString(name, 'options.name')
    if (guard !== undefined && !(guard instanceof ReentrancyGuard)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"options.guard" must be a ReentrancyGuard. Received ${describe(guard)}.`,
      )
    }
    requireBoolean(shared, 'options.shared')
    this.#requireOpen()
    const bh = new BottomHalf(this, callback, name, guard ?? null, captureScope(SCOPE))
    if (shared) bh.place = this.#slots().add(bh)
    this.#created.add(bh)
    return bh
  }

  /**
   * Runs `callback` once in a following poll, without an object to keep (rule B7).
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, or `ERR_AIO_CLOSED` after `close()`
   */
  scheduleOneshot(callback: () => void, name?: string): void {
    requireFunction(callback, 'callback')
    if (name !== undefined) requireString(name, 'name')
    this.schedule(new BottomHalf(this, callback, name, null, captureScopeIfHosted(SCOPE)))
  }

  /** @internal */
  schedule(bh: BottomHalf): void {
    if (bh.link.isInserted) {
      if (!bh.idle) return
      bh.idle = false
      this.#idle--
      this.#ready++
      this.#gate.nudge()
      return
    }
    this.#requireOpen()
    this.#enqueue(bh)
    // Once for a whole burst: a host loop that the first one wakes runs them all.
    if (this.#ready++ === 0) this.#gate.nudge()
  }

  /** @internal */
  scheduleIdle(bh: BottomHalf): void {
    if (bh.link.isInserted) return
    this.#requireOpen()
    bh.idle = true
    this.#enqueue(bh)
    // A host loop may be about to sleep for longer than 10 ms.
    if (this.#idle++ === 0) this.#gate.nudge()
  }

  /** @internal */
  cancel(bh: BottomHalf): void {
    if (bh.link.isInserted) this.#dequeue(bh)
    if (bh.place >= 0) this.#shared!.states.cancel(bh.place)
  }

  /** @internal */
  forget(bh: BottomHalf): void {
    if (bh.link.isInserted) this.#dequeue(bh)
    this.#created.delete(bh)
    this.#unshare(bh)
  }

  /** @internal */
  handleOf(bh: BottomHalf): BottomHalfHandle {
    this.#requireOpen()
    const { loop } = this.#shared!.states
    return { loop, id: bh.place, generation: this.#shared!.states.generation(bh.place) }
  }

  /**
   * Runs what was scheduled before this call, by other threads as well. Returns whether any of it was not idle.
   *
   * @throws what a callback throws; the rest is run by the next call
   */
  run(): boolean {
    const shared = this.#shared
    if (shared !== null && !shared.states.isEmpty) shared.takeAll(this.#scheduledElsewhere)
    const epoch = ++this.#epoch
    let progress = false
    try {
      for (let bh = this.#queue.first; bh !== null && bh.epoch < epoch; bh = this.#queue.first) {
        if (!bh.idle) progress = true
        this.#dequeue(bh)
        this.runs++
        call(bh.run, bh, bh.scope, 'bottom half', bh)
      }
    } finally {
      // Scheduled while others were to run, or behind one that threw: if this poll is inside a callback of a host loop,
      // it has taken the wakeup that was to be for these as well.
      if (this.#ready > 0) this.#gate.nudge()
    }
    return progress
  }

  /**
   * Drops everything. Bottom halves that were not deleted, and one-shots that never ran, are named in a warning
   * (rule B9): whoever made them counts on them.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const leaked = new Set(Array.from(this.#created, (bh) => bh.name))
    for (let bh = this.#queue.first; bh !== null; bh = this.#queue.first) {
      leaked.add(bh.name)
      this.#dequeue(bh)
    }
    for (const bh of this.#created) this.#unshare(bh)
    this.#created.clear()
    if (leaked.size === 0) return
    process.emitWarning(
      `The loop was closed with bottom halves that were not deleted: ${[...leaked].join(', ')}.`,
      {
        type: 'AioWarning',
        code: 'AIOKIT_BH_LEAKED',
        detail: 'Call delete() on each bottom half before the close, or let one-shots run.',
      },
    )
  }

  /** For the run that is about to begin. */
  readonly #scheduledElsewhere = (bh: BottomHalf): void => {
    if (!bh.link.isInserted) {
      this.#enqueue(bh)
    } else if (bh.idle) {
      bh.idle = false
      this.#idle--
    } else {
      return
    }
    this.#ready++
  }

  #slots(): SharedSlots {
    this.#requireOpen()
    this.#shared ??= new SharedSlots()
    return this.#shared
  }

  #unshare(bh: BottomHalf): void {
    if (bh.place < 0) return
    this.#shared!.remove(bh.place)
    bh.place = -1
  }

  #enqueue(bh: BottomHalf): void {
    bh.epoch = this.#epoch
    this.#queue.insertTail(bh.link)
  }

  #dequeue(bh: BottomHalf): void {
    this.#queue.remove(bh.link)
    if (bh.idle) {
      bh.idle = false
      this.#idle--
    } else {
      this.#ready--
    }
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw aioError('ERR_AIO_CLOSED', 'The loop is closed and runs nothing any more: use one that is open.')
    }
  }
}
