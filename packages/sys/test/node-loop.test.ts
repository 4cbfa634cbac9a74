import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import * as sys from '../src/index.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** In an immediate, before anything has been asked of Node's loop in it. */
const timeoutMs = (): Promise<number> =>
  new Promise((resolve) => setImmediate(() => resolve(sys.nodeLoopTimeout())))

test("A4: Node's loop says how long it would wait, for timers that keep it alive as for those that do not", async () => {
  const timers = [setInterval(() => {}, 2 ** 30)]
  for (const delayMs of [1e6, 1e4]) {
    timers.push(setTimeout(() => {}, delayMs).unref())
    await turn()
    const waitMs = await timeoutMs()
    expect(waitMs).toBeGreaterThan(0)
    expect(waitMs).toBeLessThanOrEqual(delayMs)
  }
  for (const timer of timers) clearInterval(timer)
})

test('A4: its descriptor is readable when it has something to do', async () => {
  const fd = sys.nodeLoopFd()
  expect(sys.fcntl(fd, sys.F_GETFD, 0) & sys.FD_CLOEXEC).toBe(sys.FD_CLOEXEC)
  const { port1, port2 } = new MessageChannel()
  const received = once(port2, 'message')
  await turn()
  port1.postMessage('for another turn')
  const pollfd = new Int32Array(2)
  new Int16Array(pollfd.buffer)[2] = sys.POLLIN
  pollfd[0] = fd
  expect(sys.ppoll(pollfd, 1, 0)).toBe(1)
  await received
  port1.close()
})
