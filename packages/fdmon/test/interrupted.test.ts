import { constants } from 'node:os'
import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { restartInterrupted } from '../src/index.ts'

const { EINTR } = constants.errno

/** A waiting call that is interrupted after `ns`, so many times, and then returns `result`. */
function interrupted(times: number, ns: number, result: number) {
  const timeouts: number[] = []
  const wait = (timeoutNs: number) => {
    timeouts.push(timeoutNs)
    if (timeouts.length > times) return result
    const end = performance.now() + ns / 1e6
    while (performance.now() < end);
    return -EINTR
  }
  return { wait, timeouts }
}

test('M5: each retry has what is left of the timeout, in the end nothing', () => {
  const { wait, timeouts } = interrupted(4, 2e6, 0)
  expect(restartInterrupted(wait, 5e6)).toBe(0)
  expect(timeouts[0]).toBe(5e6)
  for (let i = 1; i < timeouts.length; i++) {
    expect(timeouts[i]).toBeLessThanOrEqual(Math.max(0, timeouts[i - 1]! - 2e6))
    expect(timeouts[i]).toBeGreaterThanOrEqual(0)
  }
  expect(timeouts.at(-1)).toBe(0)
})

test('M5: without a timeout, and with none left, a retry is as the call was', () => {
  for (const timeout of [-1, 0]) {
    const { wait, timeouts } = interrupted(2, 0, 3)
    expect([restartInterrupted(wait, timeout), timeouts]).toEqual([3, [timeout, timeout, timeout]])
  }
})

test('a failure that is no interruption is returned at once', () => {
  const { wait, timeouts } = interrupted(0, 0, -constants.errno.EBADF)
  expect([restartInterrupted(wait, 1e9), timeouts.length]).toEqual([-constants.errno.EBADF, 1])
})
