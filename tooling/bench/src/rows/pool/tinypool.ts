import Tinypool from 'tinypool'
import type { Measure } from '../../row.ts'
import { measurePromises } from './promises.ts'
import { MOST_IN_FLIGHT, THREADS, tasks, type Work } from './work.ts'

/** As piscina, as far as it has the same options. */
export function tinypool<A, R>(work: Work<A, R>): Measure {
  return async (request) => {
    const pool = new Tinypool({
      filename: tasks.href,
      name: work.task,
      minThreads: THREADS,
      maxThreads: THREADS,
      concurrentTasksPerWorker: MOST_IN_FLIGHT / THREADS,
    })
    const sample = await measurePromises<A, R>(
      {
        run: (argument) => pool.run(argument),
        thread: () => pool.run(undefined, { name: 'thread' }),
      },
      work,
      request,
    )
    await pool.destroy()
    return sample
  }
}
