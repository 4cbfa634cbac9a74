import { describe, expect, test } from 'vitest'
import { DeadlineHeap } from '../src/deadline-heap.ts'
import { sortDue } from '../src/due-order.ts'
import { SlotTable } from '../src/slot-table.ts'
import type { Timer } from '../src/timer.ts'

const TIMERS = 100_000
/** Levels of a tree of four children a node, and how many deadlines are looked at on each when something sinks. */
const LEVELS = Math.ceil(Math.log(TIMERS) / Math.log(4)) + 1
const LOOKS = 8

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** A heap of 100,000 timers that counts how often a deadline is read. */
function countingHeap(): { heap: DeadlineHeap; table: SlotTable; looks: (operation: () => void) => number } {
  const table = new SlotTable()
  const heap = new DeadlineHeap(table)
  const next = random(1)
  const owner = {} as Timer
  for (let i = 0; i < TIMERS; i++) heap.insert(table.take(owner), 1 + next())
  let count = 0
  heap.keys = new Proxy(heap.keys, {
    get(keys, index) {
      count++
      return Reflect.get(keys, index)
    },
    set: (keys, index, value) => Reflect.set(keys, index, value),
  })
  return {
    heap,
    table,
    looks: (operation) => {
      count = 0
      operation()
      return count
    },
  }
}

describe('T6: with 100,000 timers pending', () => {
  test('T6: arming, re-arming and deleting look at a number of deadlines that grows as the logarithm', () => {
    const { heap, table, looks } = countingHeap()
    const next = random(2)
    let most = 0
    for (let i = 0; i < 1000; i++) {
      const position = Math.floor(next() * heap.size)
      const slot = heap.slots[position]!
      // Half of them to an end, where the way is longest.
      const key = i % 2 === 0 ? 1 + next() : 3 * (i % 4)
      most = Math.max(
        most,
        looks(() => heap.update(position, key)),
        looks(() => heap.remove(table.place[slot]!)),
        looks(() => heap.insert(slot, key)),
      )
    }
    expect(most).toBeGreaterThan(LEVELS)
    expect(most).toBeLessThanOrEqual(LOOKS * LEVELS)
  })

  test('T6: a pass looks at what is due and not at what is pending', () => {
    const { heap, looks } = countingHeap()
    const due = new Int32Array(TIMERS)
    expect(looks(() => expect(heap.takeDue(0.5, due, 0)).toBe(0))).toBe(1)
    let taken = 0
    const count = looks(() => {
      taken = heap.takeDue(1.001, due, 0)
    })
    expect(taken).toBeGreaterThan(50)
    expect(count).toBeLessThanOrEqual(taken * LOOKS * LEVELS)
  })

  test('T6: putting in order what is due at once looks at each a number of times that grows as the logarithm', () => {
    class CountingTable extends SlotTable {
      count = 0

      override deadline(slot: number): number {
        this.count++
        return super.deadline(slot)
      }

      override armed(slot: number): number {
        this.count++
        return super.armed(slot)
      }
    }
    const count = 20_000
    const next = random(3)
    const spreads: Record<string, () => number> = {
      even: next,
      equal: () => 7,
      'two crowds': () => (next() < 0.5 ? 0 : 1e15) + next(),
      'one far off': () => (next() < 1 / count ? 0 : 1e15 + Math.floor(1000 * next())),
    }
    for (const [name, deadline] of Object.entries(spreads)) {
      const table = new CountingTable()
      const slots = new Int32Array(count)
      for (let i = 0; i < count; i++) {
        slots[i] = table.take({} as Timer)
        table.setDeadline(i, deadline())
        // Not in the order of the slots, nor against it.
        table.setArmed(i, (i * 7919) % count)
      }
      sortDue(slots, 0, count, table)
      expect(table.count, name).toBeLessThan(count * 5 * Math.log2(count))
      const expected = [...slots].sort(
        (a, b) => table.deadline(a) - table.deadline(b) || table.armed(a) - table.armed(b),
      )
      expect([...slots], name).toEqual(expected)
    }
  })
})
