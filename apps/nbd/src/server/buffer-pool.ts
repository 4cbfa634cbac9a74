import { type Block, bufferPool } from 'aiokit'
import { viewOf } from '../protocol/wire.ts'

/** Bytes of a chunk: a READ of a MiB and its header, rounded up to pages. */
export const CHUNK_SIZE: number = 2 ** 20 + 4096

/** Chunks that are kept for whoever comes next, 16 MiB; what is over is given back. */
const MAX_SPARE = 16

/**
 * A piece of memory that connections borrow to receive into or to send from.
 *
 * It counts its users, because an image may still be reading or writing it when its connection is gone.
 */
export class Chunk {
  /** Its memory is touched, and so taken from the system, only as far as it is used. */
  readonly block: Block = bufferPool.take(CHUNK_SIZE)
  readonly bytes: Uint8Array = this.block.bytes.subarray(0, CHUNK_SIZE)
  readonly view: DataView = viewOf(this.bytes)
  users = 0
  readonly #pool: BufferPool

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  release(): void {
    if (--this.users === 0) this.#pool.put(this)
  }
}

/**
 * The chunks of a server. Connections have one only while they have something in it, so that idle and stalled clients
 * cost none, and busy ones share the few that are in the processor's cache.
 */
export class BufferPool {
  readonly #spare: Chunk[] = []

  /** A chunk with one user. */
  take(): Chunk {
    const chunk = this.#spare.pop() ?? new Chunk(this)
    chunk.users = 1
    return chunk
  }

  /** For `Chunk.release()`. */
  put(chunk: Chunk): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(chunk)
    else chunk.block.release()
  }
}
