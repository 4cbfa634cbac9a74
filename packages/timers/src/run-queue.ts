import type { SlotTable } from './slot-table.ts'

/** The slot of an entry that was taken out. */
const GONE = -1

/**
 * Slots whose deadline has passed, in the order in which their callbacks are to run. It outlives the pass that filled
 * it: a nested pass, or the next one after a callback threw, begins with what is left (rules T3, X1).
 */
export class RunQueue {
  /** How many are waiting. */
  size = 0
  slots: Int32Array = new Int32Array(0)
  /** One after the last entry. */
  end = 0
  #next = 0
  readonly #table: SlotTable

  constructor(table: SlotTable) {
    this.#table = table
  }

  /** Makes room for `count` entries after `end`. */
  reserve(count: number): void {
    if (this.end + count <= this.slots.length) return
    // Twice what can be waiting at once: each move is then paid for by as many entries that were used up.
    const room = 2 * this.#table.capacity
    const slots = room > this.slots.length ? new Int32Array(room) : this.slots
    let end = 0
    for (let i = this.#next; i < this.end; i++) {
      const slot = this.slots[i]!
      if (slot === GONE) continue
      slots[end] = slot
      this.#table.place[slot] = ~end
      end++
    }
    this.slots = slots
    this.#next = 0
    this.end = end
  }

  /** Accepts the entries that were written to `slots` from `end` up to `newEnd`. */
  accept(newEnd: number): void {
    const { place } = this.#table
    for (let i = this.end; i < newEnd; i++) place[this.slots[i]!] = ~i
    this.size += newEnd - this.end
    this.end = newEnd
  }

  /** Takes the first; there has to be one. */
  shift(): number {
    while (this.slots[this.#next] === GONE) this.#next++
    const slot = this.slots[this.#next++]!
    this.#left()
    return slot
  }

  remove(index: number): void {
    this.slots[index] = GONE
    this.#left()
  }

  clear(): void {
    this.size = 0
    this.slots = new Int32Array(0)
    this.end = 0
    this.#next = 0
  }

  #left(): void {
    if (--this.size === 0) {
      this.end = 0
      this.#next = 0
    }
  }
}
