import { parentPort, workerData } from 'node:worker_threads'
import { AioContext, type PollParams, RemoteContext } from 'aiokit'
import { type MonitorName, monitorOf } from '../../monitor.ts'
import type { Side } from './contexts.ts'

const { monitor, poll, to } = workerData as { monitor: MonitorName; poll: PollParams; to: Side }
const { number } = to
using ctx = new AioContext({ fdmon: monitorOf(monitor), poll })
using remote = RemoteContext.from(to.context)
const ping = remote.bottomHalf(to.bottomHalf)
let ended = false
const bh = ctx.createBottomHalf(
  () => {
    if (number[0] === -1) {
      ended = true
    } else {
      number[0] = number[0]! + 1
      ping.schedule()
    }
  },
  { shared: true },
)
parentPort!.postMessage({ context: ctx.handle, bottomHalf: bh.handle, number } satisfies Side)
while (!ended) ctx.poll(true)
bh.delete()
