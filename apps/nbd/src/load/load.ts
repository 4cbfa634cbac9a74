import { type AioContext, sys } from 'aiokit'
import type { Address } from '../address.ts'
import { NbdClient } from '../client/nbd-client.ts'
import { NBD_OK } from '../protocol/constants.ts'
import { type Measured, Meter } from './latency.ts'

/** A request that is in flight; one for each slot of each client, used over and over. */
export interface Request {
  isWrite: boolean
  offset: number
  length: number
  startNs: number
}

/** What is asked of the server, and whether its answer is right. */
export interface Work {
  /** Longest request in bytes. */
  readonly maxLength: number
  /** Decides on the next request. */
  choose(request: Request): void
  /** Puts the payload of a WRITE into `bytes` at `at`. */
  fill(request: Request, bytes: Uint8Array, at: number): void
  /**
   * The request is over. Returns whether what came back is right: the data of a READ is in `bytes` at `at`, and of a
   * WRITE, or if the server has answered with an error, there is none.
   */
  done(request: Request, bytes: Uint8Array | null, at: number): boolean
}

export interface LoadOptions {
  address: Address
  exportName: string
  clients: number
  /** Requests in flight of each client. */
  depth: number
  /** Requests of all clients together. */
  requests: number
}

export interface LoadResult {
  readonly read: Measured
  readonly write: Measured
  readonly elapsedNs: number
  /** Replies with an error, and replies with wrong data. */
  readonly errors: number
  readonly mismatches: number
}

/** A number of clients that keep a server busy with a number of requests, each client `depth` of them at a time. */
export class Load {
  /** The smallest size of the export, as all clients see it. */
  readonly size: number
  readonly #options: LoadOptions
  readonly #clients: NbdClient[] = []
  readonly #requests: Request[][] = []
  readonly #reads = new Meter()
  readonly #writes = new Meter()
  #work: Work | null = null
  #begun = 0
  #done = 0
  #errors = 0
  #mismatches = 0
  #startNs = 0
  #endNs = 0

  /** Connects all clients. @throws Refusal, SystemError */
  constructor(ctx: AioContext, maxLength: number, options: LoadOptions) {
    this.#options = options
    const { address, exportName, depth } = options
    try {
      for (let client = 0; client < options.clients; client++) {
        const replied = (slot: number, error: number, bytes: Uint8Array, at: number): void =>
          this.#replied(client, slot, error, bytes, at)
        this.#clients.push(new NbdClient(ctx, address, { exportName, depth, maxLength, replied }))
        this.#requests.push(
          Array.from({ length: depth }, () => ({ isWrite: false, offset: 0, length: 0, startNs: 0 })),
        )
      }
    } catch (error) {
      this.close()
      throw error
    }
    this.size = Math.min(...this.#clients.map((client) => client.export.size))
  }

  /** Requests that have been answered. */
  get done(): number {
    return this.#done
  }

  get isDone(): boolean {
    return this.#done === this.#options.requests
  }

  get result(): LoadResult {
    return {
      read: this.#reads.measured,
      write: this.#writes.measured,
      elapsedNs: this.#endNs - this.#startNs,
      errors: this.#errors,
      mismatches: this.#mismatches,
    }
  }

  /** Sends the first requests; the others follow when these are answered. */
  start(work: Work): void {
    this.#work = work
    this.#startNs = sys.monotonicNs()
    for (const [number, client] of this.#clients.entries()) {
      for (let slot = 0; slot < this.#options.depth; slot++) this.#next(number, slot)
      client.submit()
    }
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }

  #next(client: number, slot: number): void {
    if (this.#begun === this.#options.requests) return
    this.#begun++
    const work = this.#work!
    const request = this.#requests[client]![slot]!
    const nbd = this.#clients[client]!
    work.choose(request)
    if (request.isWrite) {
      const bytes = nbd.write(slot, request.offset, request.length)
      work.fill(request, bytes, nbd.payloadStart)
    } else {
      nbd.read(slot, request.offset, request.length)
    }
    request.startNs = sys.monotonicNs()
  }

  #replied(client: number, slot: number, error: number, bytes: Uint8Array, at: number): void {
    const request = this.#requests[client]![slot]!
    const now = sys.monotonicNs()
    const meter = request.isWrite ? this.#writes : this.#reads
    meter.record(request.length, now - request.startNs)
    if (error !== NBD_OK) this.#errors++
    const hasData = error === NBD_OK && !request.isWrite
    if (!this.#work!.done(request, hasData ? bytes : null, at)) this.#mismatches++
    if (++this.#done === this.#options.requests) this.#endNs = now
    this.#next(client, slot)
  }
}
