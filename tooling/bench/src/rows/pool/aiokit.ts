import { AioContext, defineTask, type Task } from 'aiokit'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { check, inFlight, THREADS, tasks, type Work } from './work.ts'

/** With callbacks. */
export function aiokit<A, R>(work: Work<A, R>): Measure {
  return (request) => {
    using ctx = new AioContext({ threadPool: { min: THREADS, max: THREADS } })
    const pool = ctx.threadPool
    const task = defineTask<A, R>(tasks, work.task)
    const threads = new Set<number>()
    /** Keeps `count` of `what` in flight while `more()`. */
    const keep = <P, Q>(
      count: number,
      what: Task<P, Q>,
      more: () => boolean,
      argument: (i: number) => P,
      answered: (i: number, result: Q) => void,
    ) => {
      let pending = 0
      let next = 0
      const submit = () => {
        const i = next++
        pending++
        pool.submitAio(what, argument(i), (error, result) => {
          if (error !== null) throw error
          pending--
          answered(i, result as Q)
          if (more()) submit()
        })
      }
      while (pending < count && more()) submit()
      while (pending > 0) ctx.poll(true)
    }
    keep(
      64,
      defineTask<undefined, number>(tasks, 'thread'),
      () => threads.size < THREADS,
      () => undefined,
      (_, id) => threads.add(id),
    )
    return timeLoop(
      request,
      (ops) => {
        let submitted = 0
        let right = 0
        keep(
          inFlight(request.case),
          task,
          () => submitted < ops,
          (i) => {
            submitted++
            return work.argument(i)
          },
          (i, result) => {
            check(work, i, result)
            right++
          },
        )
        if (right !== ops) throw new Error(`${right} of ${ops} requests were answered`)
      },
      wallNow,
    )
  }
}
