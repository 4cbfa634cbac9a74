import { REQUEST_SIZE } from '../protocol/constants.ts'
import { PIECE_ALIGNMENT } from '../protocol/requests.ts'
import { type BufferPool, CHUNK_SIZE, type Chunk } from './buffer-pool.ts'

/** A remainder of this size moves to memory of the connection's own: what a stalled client costs. */
const KEEP_SIZE = Math.max(REQUEST_SIZE, PIECE_ALIGNMENT)

/** Less room than this at the end of a chunk is not worth a recv(2). */
const MIN_ROOM = CHUNK_SIZE / 4

/** What was received on one connection and not used yet: `chunk` from `start` to `end`. */
export class InputBuffer {
  start = 0
  end = 0
  readonly #pool: BufferPool
  #chunk: Chunk | null = null
  #kept: Uint8Array | null = null
  #keptLength = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  get isEmpty(): boolean {
    return this.start === this.end && this.#keptLength === 0
  }

  /** A chunk with what there is and with room behind it, until `settle()`. */
  open(): Chunk {
    let chunk = this.#chunk
    if (chunk === null) {
      chunk = this.#chunk = this.#pool.take()
      this.start = 0
      this.end = this.#keptLength
      if (this.#keptLength > 0) {
        chunk.bytes.set(this.#kept!.subarray(0, this.#keptLength))
        this.#keptLength = 0
      }
    } else if (CHUNK_SIZE - this.end < MIN_ROOM) {
      chunk = this.#makeRoom(chunk)
    }
    return chunk
  }

  /** Gives the chunk back, unless more is left in it than a stalled client may be charged for. */
  settle(): void {
    const chunk = this.#chunk
    const length = this.end - this.start
    if (chunk === null || length > KEEP_SIZE) return
    if (length > 0) {
      this.#kept ??= new Uint8Array(KEEP_SIZE)
      this.#kept.set(chunk.bytes.subarray(this.start, this.end))
      this.#keptLength = length
    }
    this.#drop(chunk)
  }

  /** Forgets everything. */
  close(): void {
    this.#keptLength = 0
    if (this.#chunk !== null) this.#drop(this.#chunk)
  }

  #drop(chunk: Chunk): void {
    this.#chunk = null
    this.start = 0
    this.end = 0
    chunk.release()
  }

  #makeRoom(chunk: Chunk): Chunk {
    let target = chunk
    // An image that still writes from this chunk must not see it change.
    if (chunk.users > 1) target = this.#chunk = this.#pool.take()
    target.bytes.set(chunk.bytes.subarray(this.start, this.end))
    this.end -= this.start
    this.start = 0
    if (target !== chunk) chunk.release()
    return target
  }
}
