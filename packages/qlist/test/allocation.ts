/** How often the function given to one of these repeats what it does. */
export const REPEATS = 5000

/**
 * The bytes that one run of `repeat` allocates; below `REPEATS` if a repetition makes no object, of which the smallest
 * has 16. The compiler allocates as well, so this runs it again until a run is that quiet, or none of many was.
 */
export function allocated(repeat: () => void): number {
  return measured(repeat, () => {})
}

/** The same of the bytes that are still held after a run. */
export function retained(repeat: () => void): number {
  return measured(repeat, globalThis.gc!)
}

function measured(repeat: () => void, settle: () => void): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 50 && least >= REPEATS; i++) {
    // Empties the young generation, so that no collection falls into the run.
    globalThis.gc!()
    const before = process.memoryUsage().heapUsed
    repeat()
    settle()
    least = Math.min(least, process.memoryUsage().heapUsed - before)
  }
  return least
}
