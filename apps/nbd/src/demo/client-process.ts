import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { AioContext, sys } from 'aiokit'
import { explanation } from '../explanation.ts'
import { DiskModel } from '../load/disk-model.ts'
import { Load, type LoadResult, type Work } from '../load/load.ts'
import { Sweep } from '../load/sweep.ts'
import { runLoop } from '../run-loop.ts'
import type { Message, Order } from './messages.ts'

// The client of the demo: a process of its own that knows the server by its socket only.

const LONGEST_REQUEST = 131_072
const SWEEP_LENGTH = 2 ** 20
const PROGRESS_INTERVAL_NS = 50e6

/** The demo is gone, and so is its server. */
function orphaned(): void {
  process.exit(1)
}

function tell(message: Message): void {
  process.send?.(message, undefined, undefined, (error) => {
    if (error !== null) orphaned()
  })
}

async function run(ctx: AioContext, order: Order): Promise<void> {
  const { size, clients, depth, requests } = order
  // An eighth of the disk in flight: then a place that is free is soon found.
  const model = new DiskModel(size, Math.min(LONGEST_REQUEST, size / (8 * clients * depth)))
  const load = await runLoad(ctx, order, model, clients, requests, (done) => tell({ kind: 'progress', done }))
  // What the server has done for this is counted before it does more.
  const told = once(process, 'message')
  tell({ kind: 'loaded', load })
  await told
  const sweep = new Sweep(size, SWEEP_LENGTH, model)
  tell({ kind: 'swept', sweep: await runLoad(ctx, order, sweep, 1, sweep.requests, () => {}) })
}

async function runLoad(
  ctx: AioContext,
  { socket, depth }: Order,
  work: Work,
  clients: number,
  requests: number,
  progress: (done: number) => void,
): Promise<LoadResult> {
  const address = { path: socket }
  const load = new Load(ctx, work.maxLength, { address, exportName: '', clients, depth, requests })
  try {
    let tellAt = 0
    load.start(work)
    await runLoop(ctx, () => {
      if (sys.monotonicNs() >= tellAt) {
        progress(load.done)
        tellAt = sys.monotonicNs() + PROGRESS_INTERVAL_NS
      }
      return load.isDone
    })
    progress(load.done)
    return load.result
  } finally {
    load.close()
  }
}

// The demo hears of Ctrl-C too, and ends this process when it stops.
process.on('SIGINT', () => {})
process.on('disconnect', orphaned)

const ctx = new AioContext({ name: 'nbd demo client' })
try {
  await run(ctx, JSON.parse(process.argv[2]!))
} catch (error) {
  tell({ kind: 'failure', reason: explanation(error) })
} finally {
  ctx.close()
}
await setImmediate()
process.off('disconnect', orphaned)
process.disconnect()
