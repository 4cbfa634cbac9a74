import { fileURLToPath } from 'node:url'
import { FixedQueue, Piscina } from 'piscina'
import type { Measure } from '../../row.ts'
import { measurePromises } from './promises.ts'
import { MOST_IN_FLIGHT, THREADS, tasks, type Work } from './work.ts'

/**
 * As its README says it is fastest: threads that stay, its faster queue, no times recorded, and threads that wait for the
 * next task with Atomics. That several requests are sent to a thread at a time it recommends for other tasks than these,
 * but it saves wake-ups with them too.
 */
export function piscina<A, R>(work: Work<A, R>): Measure {
  return async (request) => {
    const pool = new Piscina<A, R>({
      filename: fileURLToPath(tasks),
      name: work.task,
      minThreads: THREADS,
      maxThreads: THREADS,
      concurrentTasksPerWorker: MOST_IN_FLIGHT / THREADS,
      atomics: 'sync',
      taskQueue: new FixedQueue(),
      recordTiming: false,
    })
    const sample = await measurePromises<A, R>(
      {
        run: (argument) => pool.run(argument),
        thread: () => pool.run(undefined as never, { name: 'thread' }) as Promise<never>,
      },
      work,
      request,
    )
    await pool.destroy()
    return sample
  }
}
