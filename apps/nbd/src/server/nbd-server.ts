import type { AioContext, AioStats } from 'aiokit'
import type { Address } from '../address.ts'
import { Listener } from './listener.ts'
import { type LoopInfo, type Loops, type LoopsOptions, OwnLoop } from './loops.ts'
import { ThreadLoops } from './thread-loops.ts'

export interface NbdServerOptions extends Omit<LoopsOptions, 'isTcp' | 'handshakeTimeoutNs'> {
  address: Address
  /** Threads that clients are served by; 0: they are served by the context that listens. */
  iothreads: number
  /** How long a client may take to get through the handshake, in ns; 0 is for ever. Default 30 s. */
  handshakeTimeoutNs?: number
  /** Gets a line when something is wrong that the server can live with. */
  warn(message: string): void
}

/** Serves an image to any number of clients: a context listens, and it or I/O threads of their own do the rest. */
export class NbdServer {
  readonly #ctx: AioContext
  readonly #listener: Listener
  readonly #loops: Loops

  private constructor(ctx: AioContext, listener: Listener, loops: Loops) {
    this.#ctx = ctx
    this.#listener = listener
    this.#loops = loops
  }

  /**
   * @param ctx is closed with the server
   * @throws (rejects with) what `Listener` throws, and what a thread cannot begin for; the context is closed then
   */
  static async start(ctx: AioContext, options: NbdServerOptions): Promise<NbdServer> {
    const { address, iothreads, file, fdmon, aio, exportName, handshakeTimeoutNs = 30e9, warn } = options
    const isTcp = !('path' in address)
    const loopsOptions: LoopsOptions = { file, fdmon, aio, exportName, handshakeTimeoutNs, isTcp }
    let made: Loops | null = null
    try {
      const loops =
        iothreads === 0 ? new OwnLoop(ctx, loopsOptions) : await ThreadLoops.start(iothreads, loopsOptions)
      made = loops
      return new NbdServer(ctx, new Listener(ctx, address, (fd) => loops.add(fd), warn), loops)
    } catch (error) {
      await made?.close()
      ctx.close()
      throw error
    }
  }

  /** Where it listens. */
  get address(): Address {
    return this.#listener.address
  }

  get info(): LoopInfo {
    return this.#loops.info
  }

  /** Why it serves nobody any more: an I/O thread has died. */
  get failure(): Error | null {
    return this.#loops.failure
  }

  /** What the loops that serve clients have done. */
  stats(): Promise<AioStats> {
    return this.#loops.stats()
  }

  /** Disconnects everybody and closes the context. When this has ended, nobody uses the file any more. */
  async close(): Promise<void> {
    this.#listener.close()
    await this.#loops.close()
    this.#ctx.close()
  }
}
