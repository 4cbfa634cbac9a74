import type { AioContext } from 'aiokit'
import { BufferPool } from './buffer-pool.ts'
import { Connection, type Served } from './connection.ts'
import type { Image } from './image.ts'
import { LoopMeter, type LoopStats } from './loop-stats.ts'

export interface ClientsOptions {
  /** What clients ask for; '' they may always ask for. */
  exportName: string
  /** How long a client may take to get through the handshake, in ns; 0 is for ever. */
  handshakeTimeoutNs: number
  /** Whether they come over TCP, and not by a Unix socket. */
  isTcp: boolean
}

/** Those clients of an image that a context serves, from its callbacks. */
export class Clients {
  readonly #served: Served
  readonly #meter: LoopMeter
  readonly #isTcp: boolean
  readonly #connections: Set<Connection> = new Set<Connection>()

  /** @param left is called when a client is gone */
  constructor(ctx: AioContext, image: Image, options: ClientsOptions, left: () => void = () => {}) {
    const { exportName, handshakeTimeoutNs } = options
    const { path, size, readOnly } = image.file
    this.#isTcp = options.isTcp
    this.#meter = new LoopMeter(ctx)
    this.#served = {
      ctx,
      image,
      info: { name: exportName, description: `raw image ${path}`, size, readOnly },
      pool: new BufferPool(),
      meter: this.#meter,
      handshakeTimeoutNs,
      closed: (connection) => {
        this.#connections.delete(connection)
        left()
      },
    }
  }

  /** Clients that are connected now. */
  get count(): number {
    return this.#connections.size
  }

  /** @param fd a connected socket, not blocking, which is closed when the client is gone */
  add(fd: number): void {
    this.#meter.start()
    const connection = new Connection(this.#served, fd, this.#isTcp)
    this.#connections.add(connection)
    connection.start()
  }

  /** What their loop has done since the first of them came. */
  stats(): LoopStats {
    return this.#meter.stats()
  }

  /** Disconnects everybody. */
  close(): void {
    for (const connection of this.#connections) connection.close()
  }
}
