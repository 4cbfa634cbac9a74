const { hrtime } = process

/** CLOCK_MONOTONIC in ns: the same in every thread. A quarter faster than `Number(hrtime.bigint())`. */
function monotonicNs(): number {
  const time = hrtime()
  return time[0] * 1e9 + time[1]
}

/**
 * A source of wall-clock time in ns that agrees with `readMs` to the millisecond, and so follows every change of that
 * clock, and that takes what is below the millisecond from `readNs`. It does not go back unless `readMs` does.
 *
 * The distance of the two is known only to a millisecond, from below: whenever a new millisecond shows that it has been
 * taken too short it is corrected, so that it comes close to the true one; and if it was too long, because the wall
 * clock was set back or slowed down, the end of the millisecond bounds it.
 */
export function wallSource(readMs: () => number, readNs: () => number): () => number {
  let distance = Number.NEGATIVE_INFINITY
  return () => {
    const earliest = readMs() * 1e6
    const latest = earliest + 999_999
    const ns = readNs()
    const now = Math.min(Math.max(ns + distance, earliest), latest)
    if (now !== ns + distance) distance = now - ns
    return now
  }
}

/**
 * A source that a clock can name, so that its handle can be used in another thread without passing a function:
 * CLOCK_MONOTONIC, the wall clock, or none at all (the time is only ever set, see `ManualClock`).
 */
export type NamedSource = 'monotonic' | 'wall' | 'manual'

export const sources: Readonly<Record<NamedSource, () => number>> = {
  monotonic: monotonicNs,
  // Date.now is looked up at each call: a test may have replaced it.
  wall: wallSource(() => Date.now(), monotonicNs),
  manual: () => 0,
}
