import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'

/** The words: what this thread sends and what the other one does. They are on cache lines of their own. */
export const PING = 0
export const PONG = 16
export const WORDS = 32

export const measure: Measure = async (request) => {
  const words = new Int32Array(new SharedArrayBuffer(4 * WORDS))
  const worker = new Worker(new URL('./atomics-thread.js', import.meta.url), { workerData: words })
  await once(worker, 'message')
  let last = 0
  const sample = timeLoop(
    request,
    (ops) => {
      for (const end = last + ops; last < end; last++) {
        Atomics.store(words, PING, last + 1)
        Atomics.notify(words, PING)
        Atomics.wait(words, PONG, last)
        const value = Atomics.load(words, PONG)
        if (value !== last + 1) throw new Error(`${value} came back instead of ${last + 1}`)
      }
    },
    wallNow,
  )
  Atomics.store(words, PING, -1)
  Atomics.notify(words, PING)
  await once(worker, 'exit')
  return sample
}
