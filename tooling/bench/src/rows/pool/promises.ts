import { processCpuNs } from '../../cpu.ts'
import type { Request, Sample } from '../../row.ts'
import { collectGarbage, wallNow } from '../../timing.ts'
import { check, inFlight, THREADS, type Work } from './work.ts'

/** A pool whose requests are promises. */
export interface PromisePool<A, R> {
  /** The row's task. */
  run(argument: A): PromiseLike<R>
  /** The task that tells its thread. */
  thread(): PromiseLike<number>
  /** For a pool that is not driven by Node's loop: waits for answers. Called while requests are in flight. */
  poll?(): void
}

/** Keeps so many requests in flight as the case says; each that is answered makes room for the next. */
export async function measurePromises<A, R>(
  pool: PromisePool<A, R>,
  work: Work<A, R>,
  request: Request,
): Promise<Sample> {
  const depth = inFlight(request.case)
  let pending = 0
  const keep = async (count: number, chain: () => Promise<void>) => {
    const chains = Promise.all(Array.from({ length: count }, chain))
    // What awaits the answers of a poll has asked again when this goes on.
    if (pool.poll !== undefined) for (; pending > 0; await null) pool.poll()
    await chains
  }
  const threads = new Set<number>()
  await keep(64, async () => {
    while (threads.size < THREADS) {
      pending++
      threads.add(await pool.thread())
      pending--
    }
  })
  const run = async (ops: number) => {
    let next = 0
    let right = 0
    await keep(depth, async () => {
      while (next < ops) {
        const i = next++
        pending++
        check(work, i, await pool.run(work.argument(i)))
        pending--
        right++
      }
    })
    if (right !== ops) throw new Error(`${right} of ${ops} requests were answered`)
  }
  await run(request.warmup)
  collectGarbage()
  const { ops } = request
  const cpu = processCpuNs()
  const start = wallNow()
  await run(ops)
  const end = wallNow()
  return { ns: (end - start) / ops, ops, cpuNs: (processCpuNs() - cpu) / ops }
}
