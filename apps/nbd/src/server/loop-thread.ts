import { AioContext } from 'aiokit'
import { Clients } from './clients.ts'
import { Image } from './image.ts'
import type { LoopStats } from './loop-stats.ts'
import { infoOf, type LoopInfo, type LoopsOptions } from './loops.ts'

// What `ThreadLoops` calls in its threads.

export interface OpenOptions extends LoopsOptions {
  /** Clients of each thread: one is added here by who sends it, and taken away when it is gone. */
  counts: Int32Array
  /** The place of this thread in there. */
  number: number
}

let clients: Clients | null = null

/** First of all. */
export function open(options: OpenOptions): LoopInfo {
  const ctx = AioContext.current as AioContext
  // Before there is anything else to close: connections go before what they send with.
  ctx.onClose(() => clients?.close())
  const image = new Image(ctx.io, options.file)
  clients = new Clients(ctx, image, options, () => void Atomics.sub(options.counts, options.number, 1))
  return infoOf(ctx)
}

export function add(fd: number): void {
  clients!.add(fd)
}

export function stats(): LoopStats {
  return clients!.stats()
}
