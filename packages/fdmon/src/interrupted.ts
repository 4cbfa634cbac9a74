import { constants } from 'node:os'

const { EINTR } = constants.errno

/**
 * Calls a waiting system call again for as long as signals interrupt it, each time with what is left of the timeout
 * (rule M5). The clock is read only if there is a time to keep to.
 *
 * @param wait returns a count or -errno; made once by the monitor, not for each wait
 * @param timeoutNs negative: for ever
 */
export function restartInterrupted(wait: (timeoutNs: number) => number, timeoutNs: number): number {
  const deadline = timeoutNs > 0 ? now() + timeoutNs : 0
  let result = wait(timeoutNs)
  while (result === -EINTR) result = wait(timeoutNs > 0 ? Math.max(0, deadline - now()) : timeoutNs)
  return result
}

function now(): number {
  return performance.now() * 1e6
}
