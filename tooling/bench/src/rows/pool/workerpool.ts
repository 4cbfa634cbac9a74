import { fileURLToPath } from 'node:url'
import workerpool from 'workerpool'
import type { Measure } from '../../row.ts'
import { measurePromises } from './promises.ts'
import { THREADS, type Work } from './work.ts'

const script = fileURLToPath(new URL('./workerpool-thread.js', import.meta.url))

/** A dedicated worker that has the tasks, in threads that stay. */
export function workerpoolThreads<A, R>(work: Work<A, R>): Measure {
  return async (request) => {
    const pool = workerpool.pool(script, {
      workerType: 'thread',
      minWorkers: THREADS,
      maxWorkers: THREADS,
    })
    const sample = await measurePromises<A, R>(
      {
        run: (argument) => pool.exec(work.task, [argument]),
        thread: () => pool.exec('thread', []),
      },
      work,
      request,
    )
    await pool.terminate()
    return sample
  }
}
