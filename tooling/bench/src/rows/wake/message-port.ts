import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Measure } from '../../row.ts'
import { timeCallbacks, wallNow } from '../../timing.ts'

export const measure: Measure = async (request) => {
  const worker = new Worker(new URL('./message-port-thread.js', import.meta.url))
  let expected = 0
  let left = 0
  let done = () => {}
  const send = () => {
    worker.postMessage(expected)
    expected++
  }
  await once(worker, 'message')
  worker.on('message', (value: number) => {
    if (value !== expected) throw new Error(`${value} came back instead of ${expected}`)
    if (--left > 0) send()
    else done()
  })
  const sample = await timeCallbacks(
    request,
    (ops, end) => {
      left = ops
      done = end
      send()
    },
    wallNow,
  )
  worker.postMessage(null)
  await once(worker, 'exit')
  return sample
}
