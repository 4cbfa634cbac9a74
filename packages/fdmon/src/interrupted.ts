import { constants } from 'node:os'
import { isMainThread } from 'node:worker_threads'

const { EINTR } = constants.errno

/**
 * The longest a worker sleeps at once. V8 ends a thread, for `terminate()` or when the process exits, at the next call of
 * a JavaScript function: one that sleeps in the kernel for ever would never get there and keep the process alive.
 * Nothing needs to end the main thread this way, so it sleeps as long as it is asked to.
 */
const SLICE_NS = isMainThread ? Number.POSITIVE_INFINITY : 100_000_000

/**
 * Calls a waiting system call again for as long as signals interrupt it, each time with what is left of the timeout
 * (rule M5), and often enough for a worker to be ended while it waits (rule X4). The clock is read only if there is a
 * time to keep to.
 *
 * @param wait returns a count or -errno; made once by the monitor, not for each wait
 * @param timeoutNs negative: for ever
 */
export function restartInterrupted(wait: (timeoutNs: number) => number, timeoutNs: number): number {
  if (timeoutNs < 0) timeoutNs = Number.POSITIVE_INFINITY
  const deadline = timeoutNs > 0 && timeoutNs < Number.POSITIVE_INFINITY ? now() + timeoutNs : timeoutNs
  for (let left = timeoutNs; ; left = Math.max(0, deadline - now())) {
    const slice = Math.min(left, SLICE_NS)
    const result = wait(slice === Number.POSITIVE_INFINITY ? -1 : slice)
    if (result !== -EINTR && (result !== 0 || slice === left)) return result
  }
}

function now(): number {
  return performance.now() * 1e6
}
