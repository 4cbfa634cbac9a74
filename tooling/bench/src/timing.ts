import { processCpuNs } from './cpu.ts'
import type { Request, Sample } from './row.ts'
import { lostNs } from './schedstat.ts'

/**
 * A clock in nanoseconds that stands still while this thread is ready to run and others have the processor: the
 * machines are shared, and that time says nothing of the contender. On a machine that is not shared it is the wall
 * clock. Reading it takes microseconds: for long stretches only.
 */
export function now(): number {
  for (;;) {
    const lost = lostNs()
    const wall = wallNow()
    // Others may get the processor between the two, and their time would be taken off what it is no part of.
    if (lostNs() === lost) return wall - lost
  }
}

/**
 * The wall clock in nanoseconds, for contenders with threads or processes of their own: that these had the processor
 * is no time to take off.
 */
export function wallNow(): number {
  return Number(process.hrtime.bigint())
}

/** Garbage of the preparation is not to be collected while the clock runs. bin/sample.js runs with --expose-gc. */
export function collectGarbage(): void {
  globalThis.gc?.()
}

/** Warms `run` up and times it. */
export function timeLoop(
  request: Request,
  run: (ops: number) => void,
  clock: () => number = now,
  cpuClock: () => number = processCpuNs,
): Sample {
  const { ops } = request
  run(request.warmup)
  collectGarbage()
  const cpu = cpuClock()
  const start = clock()
  run(ops)
  const end = clock()
  return { ns: (end - start) / ops, ops, cpuNs: (cpuClock() - cpu) / ops }
}

/** The same for work that comes back to Node's loop. `run` calls `done` when the last operation is done. */
export async function timeCallbacks(
  request: Request,
  run: (ops: number, done: () => void) => void,
  clock: () => number = now,
): Promise<Sample> {
  const { ops } = request
  await new Promise<void>((resolve) => run(request.warmup, resolve))
  collectGarbage()
  const cpu = processCpuNs()
  const start = clock()
  const end = await new Promise<number>((resolve) => run(ops, () => resolve(clock())))
  return { ns: (end - start) / ops, ops, cpuNs: (processCpuNs() - cpu) / ops }
}

/**
 * `count` numbers below `limit` that are the same in every run. The floor programs have the same generator
 * (xorshift32), so that all contenders touch the same things in the same order.
 */
export function randomNumbers(count: number, limit: number): Uint32Array {
  const numbers = new Uint32Array(count)
  let state = 0x9e37_79b9
  for (let i = 0; i < count; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    numbers[i] = (state >>> 0) % limit
  }
  return numbers
}

/** The numbers below `count` in an order that looks random; as in the floor programs. */
export function shuffled(count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  const random = randomNumbers(count, 0x7fff_ffff)
  for (let i = count - 1; i > 0; i--) {
    const j = random[i]! % (i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
