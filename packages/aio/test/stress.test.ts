import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { monitors, newContext } from './monitors.ts'

const THREADS = 4
const SECONDS = 4
const words = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * count))

/**
 * The claim of the models and of the explorer about the real thing. Each sleep of up to 10 s that ends by itself although
 * there is work would be a lost wake-up.
 */
test.each(monitors)(
  'N1 to N5, B1: on %s no work of four threads is left while the context sleeps, nested polls included',
  { timeout: 60_000 },
  async (_name, make) => {
    const seed = Date.now() & 0xffff
    using ctx = newContext(make)
    const made = words(THREADS)
    const rounds = words(4)
    const seen = words(THREADS)
    let runs = 0
    const look = (): void => {
      runs++
      for (let i = 0; i < THREADS; i++) {
        Atomics.store(seen, i, Atomics.load(made, i))
        Atomics.notify(seen, i)
      }
      // Polls inside polls, asleep as well: another thread has more for it, or its end.
      if (runs % 64 === 0) sleepy()
    }
    const isOver = (): boolean => Atomics.load(rounds, 2) !== 0
    let sleeps = 0
    const sleepy = (): void => {
      if (isOver()) return
      const before = ctx.stats().waits
      const start = performance.now()
      ctx.poll(true, 10e9)
      sleeps += ctx.stats().waits - before
      expect(performance.now() - start, `woken within 10 s (seed ${seed})`).toBeLessThan(10_000)
    }
    const bottomHalves = Array.from({ length: 3 }, () => ctx.createBottomHalf(look, { shared: true }))
    const deadline = Date.now() + 1000 * SECONDS
    const workers = Array.from({ length: THREADS }, (_, index) => {
      const handles = bottomHalves.map((bh) => bh.handle)
      const workerData = {
        handle: ctx.handle,
        bottomHalves: handles,
        made,
        seen,
        rounds,
        index,
        threads: THREADS,
        deadline,
        seed,
      }
      return new Worker(new URL('./fixtures/stress.mjs', import.meta.url), { workerData })
    })
    while (!isOver()) sleepy()
    while (ctx.poll(false));
    expect([...seen], `seed ${seed}`).toEqual([...made])
    expect(Math.min(...made)).toBeGreaterThan(100)
    expect(sleeps).toBeGreaterThan(100)
    for (const bh of bottomHalves) bh.delete()
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  },
)
