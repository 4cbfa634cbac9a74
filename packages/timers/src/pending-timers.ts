import { aioError } from '@aiokit/errors'
import { DeadlineHeap } from './deadline-heap.ts'
import { sortDue } from './due-order.ts'
import { RunQueue } from './run-queue.ts'
import { SlotTable } from './slot-table.ts'
import type { Timer } from './timer.ts'

/**
 * The timers of one list that wait for their deadline (in the heap) or for their turn (in the run queue). A timer
 * gives the slot that it remembers; the answer to `has` says whether it is still its own.
 */
export class PendingTimers {
  /** Passes under way in the list that owns this: more than one when they are nested. */
  passes = 0
  closed = false
  readonly #table: SlotTable = new SlotTable()
  readonly #heap: DeadlineHeap = new DeadlineHeap(this.#table)
  readonly #queue: RunQueue = new RunQueue(this.#table)
  readonly #notify: () => void
  #armings = 0

  constructor(notify: () => void) {
    this.#notify = notify
  }

  get isEmpty(): boolean {
    return this.#queue.size === 0 && this.#heap.size === 0
  }

  /** Whether callbacks are waiting for their turn: due, in order, and not run yet. */
  get hasQueued(): boolean {
    return this.#queue.size > 0
  }

  /** The earliest deadline: -Infinity if its turn has come already, Infinity if nothing is pending. */
  get nearest(): number {
    return this.#queue.size > 0 ? Number.NEGATIVE_INFINITY : this.#heap.nearest
  }

  has(owner: Timer, slot: number): boolean {
    return this.#table.owns(owner, slot)
  }

  /** Only for a slot that `has` confirmed. */
  deadlineOf(slot: number): number {
    return this.#table.deadline(slot)
  }

  /** Returns the slot to remember. */
  arm(owner: Timer, slot: number, deadline: number): number {
    if (this.closed) throw closedError()
    const before = this.nearest
    const table = this.#table
    if (table.owns(owner, slot)) {
      const place = table.place[slot]!
      if (place >= 0) this.#heap.update(place, deadline)
      else {
        // Its turn has come already; it waits for the new deadline instead.
        this.#queue.remove(~place)
        this.#heap.insert(slot, deadline)
      }
    } else {
      slot = table.take(owner)
      this.#heap.insert(slot, deadline)
    }
    table.setDeadline(slot, deadline)
    table.setArmed(slot, this.#armings++)
    // A pass needs no waking: who runs it asks for the nearest deadline afterwards, before going to sleep (rule T4).
    if (this.passes === 0 && this.nearest < before) this.#notify()
    return slot
  }

  /** Like `arm`, unless the timer is pending and not later than `deadline`. */
  anticipate(owner: Timer, slot: number, deadline: number): number {
    if (this.closed) throw closedError()
    const table = this.#table
    if (table.owns(owner, slot)) {
      if (table.deadline(slot) <= deadline) return slot
      if (table.place[slot]! < 0) {
        // Its turn has come and cannot come sooner: leaving the queue would make it later, not earlier.
        table.setDeadline(slot, deadline)
        return slot
      }
    }
    return this.arm(owner, slot, deadline)
  }

  disarm(owner: Timer, slot: number): void {
    const table = this.#table
    if (!table.owns(owner, slot)) return
    const place = table.place[slot]!
    if (place >= 0) this.#heap.remove(place)
    else this.#queue.remove(~place)
    table.free(slot)
  }

  /** Queues everything that is due at `now`, behind what is queued already. */
  queueDue(now: number): void {
    const queue = this.#queue
    queue.reserve(this.#heap.size)
    const end = this.#heap.takeDue(now, queue.slots, queue.end)
    if (end - queue.end > 1) sortDue(queue.slots, queue.end, end, this.#table)
    queue.accept(end)
  }

  /** Takes the first from the run queue, which has one, which is not pending from here on. */
  next(): Timer {
    const slot = this.#queue.shift()
    const timer = this.#table.owner(slot)
    this.#table.free(slot)
    return timer
  }

  /** Nothing is pending any more, and nothing can be again. */
  close(): void {
    this.closed = true
    this.#heap.clear()
    this.#queue.clear()
    this.#table.clear()
  }
}

export function closedError(): Error {
  return aioError(
    'ERR_AIO_CLOSED',
    'The timer list, or the context that has it, is closed: make timers on one that is open.',
  )
}
