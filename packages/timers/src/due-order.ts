import type { SlotTable } from './slot-table.ts'

/** Up to here insertion is as fast as anything. */
const FEW = 32

// Working memory of `sortDue`, which calls nobody back: one set a thread is enough.
let keys = new Float64Array(FEW)
let sortedKeys = new Float64Array(FEW)
let sortedSlots = new Int32Array(FEW)
let starts = new Int32Array(FEW + 1)

/**
 * Sorts `slots[from..to)` by deadline, then by arming.
 *
 * Many timers due at once usually come from one stretch of time, so each is put where its deadline lies between the
 * first and the last (one pass, no comparisons), which leaves little to do. Where deadlines crowd, however many are
 * equal or far from the others, an ordinary sort does the crowd, so that it is never worse than O(n log n).
 */
export function sortDue(slots: Int32Array, from: number, to: number, table: SlotTable): void {
  const count = to - from
  if (count > keys.length) {
    keys = new Float64Array(count)
    sortedKeys = new Float64Array(count)
    sortedSlots = new Int32Array(count)
    starts = new Int32Array(count + 1)
  }
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (let i = 0; i < count; i++) {
    const key = table.deadline(slots[from + i]!)
    keys[i] = key
    if (key < min) min = key
    if (key > max) max = key
  }
  if (count <= FEW) {
    insertionSort(keys, 0, count, slots, from, table)
    return
  }
  // Rounding can only put neighbours into one bucket, never in the wrong order. Not finite if all are equal.
  const perNs = (count - 1) / (max - min)
  const scale = Number.isFinite(perNs) ? perNs : 0
  starts.fill(0, 0, count + 1)
  for (let i = 0; i < count; i++) starts[bucketOf(keys[i]!, min, scale)]!++
  let start = 0
  for (let bucket = 0; bucket < count; bucket++) {
    const members = starts[bucket]!
    starts[bucket] = start
    start += members
  }
  // Afterwards starts[bucket] is where the bucket ends.
  for (let i = 0; i < count; i++) {
    const index = starts[bucketOf(keys[i]!, min, scale)]!++
    sortedKeys[index] = keys[i]!
    sortedSlots[index] = slots[from + i]!
  }
  for (let bucket = 0, begin = 0; bucket < count; bucket++) {
    const end = starts[bucket]!
    if (end - begin > FEW) crowdSort(sortedSlots.subarray(begin, end), table)
    else if (end - begin > 1) insertionSort(sortedKeys, begin, end, sortedSlots, begin, table)
    begin = end
  }
  slots.set(sortedSlots.subarray(0, count), from)
}

function bucketOf(key: number, min: number, scale: number): number {
  return ((key - min) * scale) | 0
}

/** Sorts `keys[from..to)` and, along with them, as many slots from `at`. */
function insertionSort(
  keys: Float64Array,
  from: number,
  to: number,
  slots: Int32Array,
  at: number,
  table: SlotTable,
): void {
  const offset = at - from
  for (let i = from + 1; i < to; i++) {
    const key = keys[i]!
    const slot = slots[i + offset]!
    let j = i - 1
    for (; j >= from; j--) {
      const otherKey = keys[j]!
      const other = slots[j + offset]!
      if (otherKey < key || (otherKey === key && table.armed(other) < table.armed(slot))) break
      keys[j + 1] = otherKey
      slots[j + 1 + offset] = other
    }
    keys[j + 1] = key
    slots[j + 1 + offset] = slot
  }
}

function crowdSort(slots: Int32Array, table: SlotTable): void {
  slots.sort((a, b) => table.deadline(a) - table.deadline(b) || table.armed(a) - table.armed(b))
}
