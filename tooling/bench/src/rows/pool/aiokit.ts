import { AioContext, defineTask, type PollParams } from 'aiokit'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { check, inFlight, THREADS, tasks, type Work } from './work.ts'

/**
 * With callbacks.
 *
 * @param poll of the context
 */
export function aiokit<A, R>(work: Work<A, R>, poll: PollParams = {}): Measure {
  const task = defineTask<A, R>(tasks, work.task)
  const thread = defineTask<undefined, number>(tasks, 'thread')
  return (request) => {
    using ctx = new AioContext({ threadPool: { min: THREADS, max: THREADS }, poll })
    const pool = ctx.threadPool
    const depth = inFlight(request.case)
    const threads = new Set<number>()
    while (threads.size < THREADS) {
      let pending = 64
      for (let i = 0; i < 64; i++) {
        pool.submitAio(thread, undefined, (error, id) => {
          if (error !== null) throw error
          threads.add(id!)
          pending--
        })
      }
      while (pending > 0) ctx.poll(true)
    }
    return timeLoop(
      request,
      (ops) => {
        let next = 0
        let right = 0
        const submit = () => {
          const i = next++
          pool.submitAio(task, work.argument(i), (error, result) => {
            if (error !== null) throw error
            check(work, i, result as R)
            right++
            if (next < ops) submit()
          })
        }
        while (next < depth && next < ops) submit()
        while (right < ops) ctx.poll(true)
      },
      wallNow,
    )
  }
}
