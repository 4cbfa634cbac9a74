import { AioContext, defineTask } from 'aiokit'
import type { Measure } from '../../row.ts'
import { measurePromises } from './promises.ts'
import { THREADS, tasks, type Work } from './work.ts'

/** With promises: the program polls, and lets what awaits them run after each poll. */
export function aiokitPromises<A, R>(work: Work<A, R>): Measure {
  const task = defineTask<A, R>(tasks, work.task)
  const thread = defineTask<undefined, number>(tasks, 'thread')
  return async (request) => {
    using ctx = new AioContext({ threadPool: { min: THREADS, max: THREADS } })
    const pool = ctx.threadPool
    return await measurePromises<A, R>(
      {
        run: (argument) => pool.submit(task, argument),
        thread: () => pool.submit(thread, undefined),
        poll: () => void ctx.poll(true),
      },
      work,
      request,
    )
  }
}
