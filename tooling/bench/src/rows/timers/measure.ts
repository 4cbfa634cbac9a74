import type { Measure } from '../../row.ts'
import { collectGarbage, now, randomNumbers } from '../../timing.ts'
import { LONGEST_MS, TIMERS } from './row.ts'

/** The operations of one kind of timers, on as many as `delays` has, all of which are timed by the caller. */
export interface TimerWork {
  arm(delaysMs: Uint32Array): void
  rearm(): void
  delete(): void
  /** Runs the loop until every timer has called back; all are due. */
  expire(): Promise<void> | void
}

/** Times the phase that the case names and does the others before and after it untimed. */
export function measureTimers(work: TimerWork): Measure {
  return async ({ case: phase, ops, warmup }) => {
    // Expiring is one long call for all that is due: many short ones, or the compiler does not get at it.
    await repeat(work, phase, warmup, phase === 'expire' ? TIMERS / 20 : TIMERS)
    const total = await repeat(work, phase, ops, TIMERS)
    return { ns: total / ops, ops }
  }
}

/** Returns the nanoseconds of the phase for `ops` timers, of which `batch` are pending together. */
async function repeat(work: TimerWork, phase: string, ops: number, batch: number): Promise<number> {
  let total = 0
  for (let left = ops; left > 0; left -= batch) total += await once(work, phase, Math.min(left, batch))
  return total
}

/** Returns the nanoseconds of the phase. */
async function once(work: TimerWork, phase: string, count: number): Promise<number> {
  // As many to a millisecond, however many there are.
  const longest = Math.ceil((LONGEST_MS * count) / TIMERS)
  const delays = randomNumbers(count, longest).map((delay) => delay + 1)
  const timed = (name: string, run: () => void): number => {
    if (name === phase) collectGarbage()
    const start = now()
    run()
    return name === phase ? now() - start : 0
  }
  let total = timed('arm', () => work.arm(delays))
  if (phase === 'expire') {
    sleep(longest + 5)
    collectGarbage()
    const start = now()
    await work.expire()
    return now() - start
  }
  if (phase === 're-arm') total += timed('re-arm', () => work.rearm())
  total += timed('delete', () => work.delete())
  return total
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
