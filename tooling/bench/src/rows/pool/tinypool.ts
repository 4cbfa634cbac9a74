import Tinypool from 'tinypool'
import type { Measure } from '../../row.ts'
import { measurePromises } from './promises.ts'
import { THREADS, tasks, type Work } from './work.ts'

/** Threads that stay, each waiting for the next task with Atomics, which is the default. */
export function tinypool<A, R>(work: Work<A, R>): Measure {
  return async (request) => {
    const pool = new Tinypool({
      filename: tasks.href,
      name: work.task,
      minThreads: THREADS,
      maxThreads: THREADS,
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
