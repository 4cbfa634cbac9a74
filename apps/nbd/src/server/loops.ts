import type { AioContext, PollParams } from 'aiokit'
import type { AioName, FdmonName } from '../names.ts'
import { Clients, type ClientsOptions } from './clients.ts'
import { Image } from './image.ts'
import type { OpenFile } from './image-file.ts'
import type { LoopStats } from './loop-stats.ts'

/** How loops came to be what they are. */
export interface LoopInfo {
  readonly fdmonName: string
  /** How the image is read and written. */
  readonly aio: string
  /** Why it is not the monitor that was asked for, if it is not. */
  readonly fallback: string | null
}

export interface LoopsOptions extends ClientsOptions {
  file: OpenFile
  fdmon: FdmonName
  aio: AioName
  /** How I/O threads poll before they sleep; what is left out is as it is by default. */
  poll: PollParams
}

/** The loop, or the loops, that clients are served by. */
export interface Loops {
  readonly info: LoopInfo
  /** What one of them has died of; nobody can be served any more. */
  readonly failure: Error | null
  /** A client for one of them: a connected socket, not blocking. */
  add(fd: number): void
  /** What they have done, all of them together. */
  stats(): Promise<LoopStats>
  /** Disconnects everybody. */
  close(): Promise<void>
}

export function infoOf(ctx: AioContext): LoopInfo {
  return { fdmonName: ctx.fdmonName, aio: ctx.io.aio, fallback: ctx.fdmonFallback?.message ?? null }
}

/** The loop that also listens serves all clients itself. */
export class OwnLoop implements Loops {
  readonly info: LoopInfo
  readonly failure: null = null
  readonly #clients: Clients

  constructor(ctx: AioContext, options: LoopsOptions) {
    this.#clients = new Clients(ctx, new Image(ctx.io, options.file), options)
    this.info = infoOf(ctx)
  }

  add(fd: number): void {
    this.#clients.add(fd)
  }

  async stats(): Promise<LoopStats> {
    return this.#clients.stats()
  }

  async close(): Promise<void> {
    this.#clients.close()
  }
}
