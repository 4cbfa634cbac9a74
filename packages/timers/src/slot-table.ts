import type { Timer } from './timer.ts'

const FIRST_CAPACITY = 16

// Columns that are looked at together lie side by side, in one cache line: deadline and turn.
const DEADLINE = 0
const ARMED = 1

/**
 * What is known of each pending timer, by slot. A timer has a slot only while it is pending, so a table is as large
 * as the most timers that were ever pending at once, and a timer that is dropped without `del()` costs nothing.
 *
 * Columns and not objects: ordering 100,000 timers then walks a few dense arrays. That is why ownership is asked of the table and why the slot which a timer remembers may be out of
 * date.
 */
export class SlotTable {
  capacity = 0
  /** Position in the heap, or ~index in the run queue. */
  place: Int32Array = new Int32Array(0)
  readonly #owners: (Timer | null)[] = []
  #when: Float64Array = new Float64Array(0)
  /** Slots that were given back; slots from `#used` on were never taken. */
  #free: Int32Array = new Int32Array(0)
  #freeCount = 0
  #used = 0

  /** Gives `owner` a slot; it has no place and no deadline yet. */
  take(owner: Timer): number {
    if (this.#freeCount > 0) {
      const slot = this.#free[--this.#freeCount]!
      this.#owners[slot] = owner
      return slot
    }
    if (this.#used === this.capacity) this.#grow()
    this.#owners.push(owner)
    return this.#used++
  }

  free(slot: number): void {
    // A timer that is not pending must not be kept alive from here.
    this.#owners[slot] = null
    this.#free[this.#freeCount++] = slot
  }

  owns(owner: Timer, slot: number): boolean {
    return this.#owners[slot] === owner
  }

  /** Of a slot that is taken. */
  owner(slot: number): Timer {
    return this.#owners[slot]!
  }

  deadline(slot: number): number {
    return this.#when[2 * slot + DEADLINE]!
  }

  /** The turn in which it was armed: of equal deadlines the lower one runs first. */
  armed(slot: number): number {
    return this.#when[2 * slot + ARMED]!
  }

  setDeadline(slot: number, deadline: number): void {
    this.#when[2 * slot + DEADLINE] = deadline
  }

  setArmed(slot: number, turn: number): void {
    this.#when[2 * slot + ARMED] = turn
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.capacity = 0
    this.place = new Int32Array(0)
    this.#owners.length = 0
    this.#when = new Float64Array(0)
    this.#free = new Int32Array(0)
    this.#freeCount = 0
    this.#used = 0
  }

  #grow(): void {
    this.capacity = Math.max(FIRST_CAPACITY, 2 * this.capacity)
    this.place = longer(this.place, new Int32Array(this.capacity))
    this.#when = longer(this.#when, new Float64Array(2 * this.capacity))
    // Nothing is free when it grows.
    this.#free = new Int32Array(this.capacity)
  }
}

/** Copies `from` to the beginning of `to`. */
export function longer<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from)
  return to
}
