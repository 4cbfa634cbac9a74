import type { AioContext } from 'aiokit'
import type { Address } from '../address.ts'
import type { ExportInfo } from '../protocol/options.ts'
import { BufferPool } from './buffer-pool.ts'
import { Connection, type Served } from './connection.ts'
import type { Image } from './image.ts'
import { Listener } from './listener.ts'

export interface NbdServerOptions {
  image: Image
  address: Address
  /** What clients ask for; '' they may always ask for. */
  exportName: string
  /** How long a client may take to get through the handshake, in ns; 0 is for ever. Default 30 s. */
  handshakeTimeoutNs?: number
  /** Gets a line when something is wrong that the server can live with. */
  warn(message: string): void
}

/** Serves an image to any number of clients, from the callbacks of a context. */
export class NbdServer {
  readonly #listener: Listener
  readonly #connections: Set<Connection> = new Set<Connection>()

  /** @throws as `Listener` does */
  constructor(ctx: AioContext, options: NbdServerOptions) {
    const { image, address, exportName } = options
    const info: ExportInfo = {
      name: exportName,
      description: `raw image ${image.path}`,
      size: image.size,
      readOnly: image.readOnly,
    }
    const served: Served = {
      ctx,
      image,
      info,
      pool: new BufferPool(),
      handshakeTimeoutNs: options.handshakeTimeoutNs ?? 30e9,
      closed: (connection) => this.#connections.delete(connection),
    }
    const accepted = (fd: number): void => {
      const connection = new Connection(served, fd, !('path' in address))
      this.#connections.add(connection)
      connection.start()
    }
    this.#listener = new Listener(ctx, address, accepted, options.warn)
  }

  /** Where it listens. */
  get address(): Address {
    return this.#listener.address
  }

  /** Clients that are connected now. */
  get clients(): number {
    return this.#connections.size
  }

  /** Disconnects everybody. The image stays open. */
  close(): void {
    this.#listener.close()
    for (const connection of this.#connections) connection.close()
  }
}
