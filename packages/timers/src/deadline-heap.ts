import { longer, type SlotTable } from './slot-table.ts'

/** What a node that does not exist compares as. */
const NEVER = Number.POSITIVE_INFINITY

/**
 * Pending timers with the nearest deadline on top: a heap in which each node has four children. Four deadlines are
 * half a cache line, and the tree is half as deep as a binary one.
 *
 * Equal deadlines are in no order here: they become due together, and `sortDue` orders what is due.
 */
export class DeadlineHeap {
  size = 0
  /** Deadlines by position, so that comparing needs no look at the table; NEVER after the last. */
  keys: Float64Array = new Float64Array(0)
  slots: Int32Array = new Int32Array(0)
  readonly #table: SlotTable

  constructor(table: SlotTable) {
    this.#table = table
  }

  /** The earliest deadline, Infinity if there is none. */
  get nearest(): number {
    return this.size > 0 ? this.keys[0]! : NEVER
  }

  insert(slot: number, key: number): void {
    if (this.size === this.slots.length) this.#grow()
    this.#rise(this.size++, key, slot)
  }

  update(position: number, key: number): void {
    const slot = this.slots[position]!
    if (key < this.keys[position]!) this.#rise(position, key, slot)
    else this.#sink(position, key, slot)
  }

  remove(position: number): void {
    const last = --this.size
    const key = this.keys[last]!
    this.keys[last] = NEVER
    if (position === last) return
    const slot = this.slots[last]!
    // The last node may belong to another branch, so it can be earlier than what is above the gap.
    if (position > 0 && key < this.keys[(position - 1) >> 2]!) this.#rise(position, key, slot)
    else this.#sink(position, key, slot)
  }

  clear(): void {
    this.size = 0
    this.keys = new Float64Array(0)
    this.slots = new Int32Array(0)
  }

  /**
   * Moves every slot whose deadline is at most `now` to `to`, from index `at`, in no order; returns the index after
   * the last. Costs as much as there is to move, not as much as there is.
   */
  takeDue(now: number, to: Int32Array, at: number): number {
    if (!(this.nearest <= now)) return at
    const { keys, slots } = this
    // What is due is connected, from the top: note positions, level by level.
    let end = at
    to[end++] = 0
    for (let i = at; i < end; i++) {
      const child = 4 * to[i]! + 1
      if (child >= this.size) continue
      for (let c = child; c < child + 4; c++) if (keys[c]! <= now) to[end++] = c
    }
    // From the bottom up every subtree is a heap of what stays by the time its root is replaced, and what replaces it
    // was looked at before or is itself. Above are only nodes that go as well, so nothing has to rise.
    for (let i = end - 1; i >= at; i--) {
      const position = to[i]!
      to[i] = slots[position]!
      const last = --this.size
      const key = keys[last]!
      keys[last] = NEVER
      if (position !== last) this.#sink(position, key, slots[last]!)
    }
    return end
  }

  #rise(position: number, key: number, slot: number): void {
    const { keys, slots } = this
    const { place } = this.#table
    while (position > 0) {
      const parent = (position - 1) >> 2
      const parentKey = keys[parent]!
      if (parentKey <= key) break
      const parentSlot = slots[parent]!
      keys[position] = parentKey
      slots[position] = parentSlot
      place[parentSlot] = position
      position = parent
    }
    keys[position] = key
    slots[position] = slot
    place[slot] = position
  }

  #sink(position: number, key: number, slot: number): void {
    const { keys, slots, size } = this
    const { place } = this.#table
    for (;;) {
      const child = 4 * position + 1
      if (child >= size) break
      // Which of four random numbers is least cannot be predicted, so it is computed without branches, at twice the
      // speed. Missing children are NEVER.
      const left = child + (Number(keys[child + 1]! < keys[child]!) | 0)
      const right = child + 2 + (Number(keys[child + 3]! < keys[child + 2]!) | 0)
      const least = left + (right - left) * (Number(keys[right]! < keys[left]!) | 0)
      const leastKey = keys[least]!
      if (key <= leastKey) break
      const leastSlot = slots[least]!
      keys[position] = leastKey
      slots[position] = leastSlot
      place[leastSlot] = position
      position = least
    }
    keys[position] = key
    slots[position] = slot
    place[slot] = position
  }

  #grow(): void {
    const { capacity } = this.#table
    // Room for the missing brothers of the last node.
    this.keys = longer(this.keys, new Float64Array(capacity + 4).fill(NEVER))
    this.slots = longer(this.slots, new Int32Array(capacity))
  }
}
