import { AioContext, EventNotifier, type PollParams, sys } from 'aiokit'
import { monitorOf } from '../../monitor.ts'
import type { Measure } from '../../row.ts'
import { threadCpuNs } from '../../schedstat.ts'
import { timeLoop } from '../../timing.ts'
import { Bell } from './bell.ts'
import { BELL_BYTES, type BellHandle, BellWords } from './ringer.ts'
import { Ticker } from './ticker.ts'

const PERIODS: Readonly<Record<string, number>> = { '200 µs': 200_000, '2 ms': 2_000_000 }

/** How the source is waited for: by a handler of a monitor, or by requests on the ring. */
export type Way = 'epoll' | 'io_uring' | 'requests'

/** @param poll of the context */
export function slowDevice(way: Way, poll: PollParams): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon: monitorOf(way === 'requests' ? 'io_uring' : way), poll })
    let events = 0
    let latency = 0
    const onEvent = (rungAt: number) => {
      events++
      latency += sys.monotonicNs() - rungAt
    }
    const bell = way === 'requests' ? readAgainAndAgain(ctx, onEvent) : handle(ctx, onEvent)
    const ticker = await Ticker.start(bell, PERIODS[request.case]!)
    // The processor time of the thread that rings is not that of who polls.
    const sample = timeLoop(
      request,
      (ops) => {
        latency = 0
        for (const end = events + ops; events < end; ) ctx.poll(true)
      },
      () => 0,
      threadCpuNs,
    )
    await ticker.stop()
    return { ...sample, ns: latency / sample.ops }
  }
}

function handle(ctx: AioContext, onEvent: (rungAt: number) => void): BellHandle {
  const bell = new Bell(ctx, () => onEvent(bell.rungAt))
  return bell.handle
}

/** There is always a read of the descriptor on the ring, and nothing else to look at. */
function readAgainAndAgain(ctx: AioContext, onEvent: (rungAt: number) => void): BellHandle {
  const memory = new SharedArrayBuffer(BELL_BYTES)
  const { wanted, time } = new BellWords(memory, 0)
  wanted[0] = 1
  const { fd } = new EventNotifier()
  const count = ctx.io.allocate(8)
  const receive = () => void ctx.io.readAio(fd, count, -1, received)
  const received = (result: number) => {
    if (result === -sys.ECANCELED) return
    sys.check(result, 'read')
    onEvent(time[0]!)
    receive()
  }
  receive()
  return { memory, offset: 0, fd }
}
