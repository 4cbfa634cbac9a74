import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AioContext } from 'aiokit'
import type { Measure, Sample } from '../../row.ts'
import { Burst } from './burst.ts'
import { BUSY } from './row.ts'

export const measure: Measure = async (request) => {
  using ctx = new AioContext()
  const burst = new Burst()
  const { words } = burst
  const bh = ctx.createBottomHalf(() => burst.note(), { shared: true })
  const other = ctx.createBottomHalf(() => other.schedule())
  const workerData = { words, context: ctx.handle, bottomHalf: bh.handle }
  const worker = new Worker(new URL('./scheduler.js', import.meta.url), { workerData })
  const run = (ops: number): Sample => {
    const before = ctx.stats().eventfdWrites
    burst.begin(ops)
    while (burst.seen < ops) ctx.poll(true)
    return { ns: burst.awaitEnd() / ops, ops, count: (ctx.stats().eventfdWrites - before) / ops }
  }
  if (request.case === BUSY) other.schedule()
  run(request.warmup)
  const sample = run(request.ops)
  burst.begin(0)
  await once(worker, 'exit')
  bh.delete()
  other.delete()
  return sample
}
