import { type AioContext, sys } from 'aiokit'
import type { Address } from '../address.ts'
import { Listener } from './listener.ts'
import type { LoopStats } from './loop-stats.ts'
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

/** What the loops that serve clients have done, all of them together, and what it has cost. */
export interface ServerStats extends LoopStats {
  /** Nanoseconds since the first client came. */
  wallNs: number
  /** Nanoseconds of CPU that the whole process has used meanwhile, in all its threads. */
  cpuNs: number
}

/** Serves an image to any number of clients: a context listens, and it or I/O threads of their own do the rest. */
export class NbdServer {
  readonly #ctx: AioContext
  readonly #listener: Listener
  readonly #loops: Loops
  /** When the first client came. */
  #begin: { ns: number; cpu: NodeJS.CpuUsage } | null = null

  private constructor(ctx: AioContext, options: NbdServerOptions, loops: Loops) {
    this.#ctx = ctx
    this.#loops = loops
    this.#listener = new Listener(ctx, options.address, (fd) => this.#accepted(fd), options.warn)
  }

  /**
   * @param ctx is closed with the server
   * @throws (rejects with) what `Listener` throws, and what a thread cannot begin for; the context is closed then
   */
  static async start(ctx: AioContext, options: NbdServerOptions): Promise<NbdServer> {
    const { address, iothreads, file, fdmon, aio, poll, exportName, handshakeTimeoutNs = 30e9 } = options
    const isTcp = !('path' in address)
    const loopsOptions: LoopsOptions = { file, fdmon, aio, poll, exportName, handshakeTimeoutNs, isTcp }
    let made: Loops | null = null
    try {
      made =
        iothreads === 0 ? new OwnLoop(ctx, loopsOptions) : await ThreadLoops.start(iothreads, loopsOptions)
      return new NbdServer(ctx, options, made)
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

  /** What there is to say before `close()`. @throws (rejects with) the `failure` that there is meanwhile */
  async stats(): Promise<ServerStats> {
    const stats = await this.#loops.stats()
    if (this.#begin === null) return { ...stats, wallNs: 0, cpuNs: 0 }
    const { user, system } = process.cpuUsage(this.#begin.cpu)
    return { ...stats, wallNs: sys.monotonicNs() - this.#begin.ns, cpuNs: (user + system) * 1000 }
  }

  /** Disconnects everybody and closes the context. When this has ended, nobody uses the file any more. */
  async close(): Promise<void> {
    this.#listener.close()
    await this.#loops.close()
    this.#ctx.close()
  }

  #accepted(fd: number): void {
    this.#begin ??= { ns: sys.monotonicNs(), cpu: process.cpuUsage() }
    this.#loops.add(fd)
  }
}
