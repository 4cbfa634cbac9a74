import { parentPort, workerData } from 'node:worker_threads'
import { PING, PONG } from './atomics.ts'

const words = workerData as Int32Array
parentPort!.postMessage('ready')
for (let last = 0; ; last++) {
  Atomics.wait(words, PING, last)
  const value = Atomics.load(words, PING)
  if (value === -1) break
  Atomics.store(words, PONG, value)
  Atomics.notify(words, PONG)
}
