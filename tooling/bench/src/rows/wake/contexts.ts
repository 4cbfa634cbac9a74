import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  AioContext,
  type AioContextHandle,
  type BottomHalfHandle,
  type PollParams,
  RemoteContext,
} from 'aiokit'
import { type MonitorName, monitorOf } from '../../monitor.ts'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'

/** What a thread needs to wake a context of another one, and the number that goes to and fro. */
export interface Side {
  context: AioContextHandle
  bottomHalf: BottomHalfHandle
  number: Int32Array
}

/** @param poll of both contexts */
export function pingPong(monitor: MonitorName, poll: PollParams = {}): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon: monitorOf(monitor), poll })
    const number = new Int32Array(new SharedArrayBuffer(4))
    let expected = 0
    let left = 0
    const bh = ctx.createBottomHalf(
      () => {
        if (number[0] !== expected) throw new Error(`${number[0]} came back instead of ${expected}`)
        if (--left > 0) send()
      },
      { shared: true },
    )
    const worker = new Worker(new URL('./context-thread.js', import.meta.url), {
      workerData: { monitor, poll, to: { context: ctx.handle, bottomHalf: bh.handle, number } },
    })
    const [there] = (await once(worker, 'message')) as [Side]
    using remote = RemoteContext.from(there.context)
    const pong = remote.bottomHalf(there.bottomHalf)
    // Without Atomics: a schedule makes it visible. It adds one, and so does the other side.
    const send = () => {
      number[0] = number[0]! + 1
      expected += 2
      pong.schedule()
    }
    const sample = timeLoop(
      request,
      (ops) => {
        left = ops
        send()
        while (left > 0) ctx.poll(true)
      },
      wallNow,
    )
    number[0] = -1
    pong.schedule()
    await once(worker, 'exit')
    bh.delete()
    return sample
  }
}
