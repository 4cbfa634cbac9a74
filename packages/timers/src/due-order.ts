import type { SlotTable } from './slot-table.ts'

/** Up to here insertion is as fast as anything. */
const FEW = 32

/** Working memory of `sortDue`, which calls nobody back: one set a thread is enough. */
class Scratch {
  readonly keys: Float64Array
  readonly sortedKeys: Float64Array
  readonly sortedSlots: Int32Array
  readonly starts: Int32Array

  constructor(count: number) {
    this.keys = new Float64Array(count)
    this.sortedKeys = new Float64Array(count)
    this.sortedSlots = new Int32Array(count)
    this.starts = new Int32Array(count)
  }
}

let scratch = new Scratch(FEW)

/**
 * Sorts `slots[from..to)` by deadline, then by arming.
 *
 * Many timers due at once usually come from one stretch of time, so each is put where its deadline lies between the
 * first and the last (one pass, no comparisons), which leaves little to do. Where deadlines crowd, however many are
 * equal or far from the others, an ordinary sort does the crowd, so that it is never worse than O(n log n).
 */
export function sortDue(slots: Int32Array, from: number, to: number, table: SlotTable): void {
  const count = to - from
  if (count > scratch.keys.length) scratch = new Scratch(count)
  const { sortedKeys, sortedSlots } = scratch
  if (count > FEW) spread(slots, from, count, table)
  else {
    for (let i = 0; i < count; i++) {
      const slot = slots[from + i]!
      sortedKeys[i] = table.deadline(slot)
      sortedSlots[i] = slot
    }
  }
  insertionSort(sortedKeys, sortedSlots, count, table)
  for (let i = 0; i < count; i++) slots[from + i] = sortedSlots[i]!
}

/** Fills the sorted columns in an order in which nothing is far from its place. */
function spread(slots: Int32Array, from: number, count: number, table: SlotTable): void {
  const { keys, sortedKeys, sortedSlots, starts } = scratch
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (let i = 0; i < count; i++) {
    const key = table.deadline(slots[from + i]!)
    keys[i] = key
    if (key < min) min = key
    if (key > max) max = key
  }
  // Rounding can only put neighbours into one bucket, never in the wrong order. Where all are equal this is infinite,
  // and all go into bucket 0.
  const scale = (count - 1) / (max - min)
  starts.fill(0, 0, count)
  for (let i = 0; i < count; i++) starts[((keys[i]! - min) * scale) | 0]!++
  let start = 0
  let largest = 0
  for (let bucket = 0; bucket < count; bucket++) {
    const members = starts[bucket]!
    if (members > largest) largest = members
    starts[bucket] = start
    start += members
  }
  // Afterwards starts[bucket] is where the bucket ends.
  for (let i = 0; i < count; i++) {
    const key = keys[i]!
    const index = starts[((key - min) * scale) | 0]!++
    sortedKeys[index] = key
    sortedSlots[index] = slots[from + i]!
  }
  if (largest <= FEW) return
  for (let bucket = 0, begin = 0; bucket < count; bucket++) {
    const end = starts[bucket]!
    if (end - begin > FEW) crowdSort(sortedKeys, sortedSlots, begin, end, table)
    begin = end
  }
}

function crowdSort(
  keys: Float64Array,
  slots: Int32Array,
  begin: number,
  end: number,
  table: SlotTable,
): void {
  slots
    .subarray(begin, end)
    .sort((a, b) => table.deadline(a) - table.deadline(b) || table.armed(a) - table.armed(b))
  for (let i = begin; i < end; i++) keys[i] = table.deadline(slots[i]!)
}

/** Takes time in proportion to `count` and to how far things are from their places. */
function insertionSort(keys: Float64Array, slots: Int32Array, count: number, table: SlotTable): void {
  for (let i = 1; i < count; i++) {
    const key = keys[i]!
    if (keys[i - 1]! < key) continue
    const slot = slots[i]!
    let j = i - 1
    for (; j >= 0; j--) {
      const otherKey = keys[j]!
      const other = slots[j]!
      if (otherKey < key || (otherKey === key && table.armed(other) < table.armed(slot))) break
      keys[j + 1] = otherKey
      slots[j + 1] = other
    }
    keys[j + 1] = key
    slots[j + 1] = slot
  }
}
