import { AioContext, type EventNotifier, type FdMonitorChoice, sys } from 'aiokit'
import type { Measure } from '../../row.ts'
import { lostNs } from '../../schedstat.ts'
import { collectGarbage, shuffled } from '../../timing.ts'
import { Watched } from '../../watched.ts'

const COUNT = 1000
/** Events of a block. One in which the thread lost the processor to others does not count. As in the C program. */
const BLOCK = 2000

export function dispatchFloor(fdmon: FdMonitorChoice): Measure {
  return ({ case: name, ops, warmup }) => {
    const ready = Number.parseInt(name, 10)
    const waits = BLOCK / ready
    using ctx = new AioContext({ fdmon })
    using watched = new Watched(ctx, COUNT)
    const order = Array.from(shuffled(COUNT), (index) => watched.notifiers[index]!)
    for (let done = 0; done < warmup; done += BLOCK) runBlock(ctx, watched, order, ready, waits)
    clockNs()
    collectGarbage()
    let counted = 0
    let everything = 0
    let blocks = 0
    let events = 0
    watched.takeDispatched()
    for (; events < ops; events += BLOCK) {
      const lost = lostNs()
      const took = runBlock(ctx, watched, order, ready, waits)
      everything += took
      if (lostNs() > lost) continue
      counted += took
      blocks++
    }
    watched.expect(events)
    if (blocks === 0) {
      counted = everything
      blocks = events / BLOCK
    }
    return { ns: (counted - blocks * waits * clockNs()) / (blocks * BLOCK), ops: blocks * BLOCK }
  }
}

let at = 0

/** Nanoseconds of waiting and dispatching so many times. */
function runBlock(
  ctx: AioContext,
  watched: Watched,
  order: readonly EventNotifier[],
  ready: number,
  waits: number,
): number {
  let total = 0
  let expected = watched.dispatched
  for (let wait = 0; wait < waits; wait++) {
    for (let i = 0; i < ready; i++) {
      order[at]!.set()
      if (++at === COUNT) at = 0
    }
    const start = sys.monotonicNs()
    expected += ready
    while (watched.dispatched < expected) ctx.poll(true)
    total += sys.monotonicNs() - start
  }
  return total
}

/** What is seen of reading the clock between two readings: the least of some, for the reason of the blocks. */
function clockNs(): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i++) {
    let total = 0
    for (let j = 0; j < BLOCK; j++) {
      const start = sys.monotonicNs()
      total += sys.monotonicNs() - start
    }
    least = Math.min(least, total / BLOCK)
  }
  return least
}
