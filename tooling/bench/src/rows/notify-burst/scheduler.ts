import { workerData } from 'node:worker_threads'
import { type AioContextHandle, type BottomHalfHandle, RemoteContext } from 'aiokit'
import { now } from '../../timing.ts'
import { Burst } from './burst.ts'

interface Data {
  words: Int32Array
  context: AioContextHandle
  bottomHalf: BottomHalfHandle
}

const { words, context, bottomHalf } = workerData as Data
const remote = RemoteContext.from(context)
const bh = remote.bottomHalf(bottomHalf)
const burst = new Burst(words)
for (let n = 1; ; n++) {
  const ops = burst.await(n)
  if (ops === 0) break
  const start = now()
  for (let i = 1; i <= ops; i++) {
    burst.write(i)
    bh.schedule()
  }
  burst.end(now() - start)
}
remote.close()
