import { type Block, bufferPool } from 'aiokit'
import { REQUEST_SIZE } from '../protocol/constants.ts'
import { PIECE_ALIGNMENT } from '../protocol/requests.ts'
import { type BufferPool, CHUNK_SIZE, type Chunk } from './buffer-pool.ts'

/** A remainder of this size moves to memory of the connection's own: what a stalled client costs. */
const KEEP_SIZE = Math.max(REQUEST_SIZE, PIECE_ALIGNMENT)

/** Less room than this at the end of a chunk is not worth a recv(2). */
const MIN_ROOM = CHUNK_SIZE / 4

/** What a client that has nothing pending is waited for with: all that an idle client costs. */
const LANDING_SIZE = 16_384

/** What was received on one connection and not used yet: `chunk` from `start` to `end`. */
export class InputBuffer {
  start = 0
  end = 0
  readonly #pool: BufferPool
  #chunk: Chunk | null = null
  #kept: Uint8Array | null = null
  #keptLength = 0
  readonly #landing: Block = bufferPool.take(LANDING_SIZE)
  /** What is being received into; it must stay where it is. */
  #target: Chunk | null = null
  #closed = false

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  get isEmpty(): boolean {
    return this.start === this.end && this.#keptLength === 0
  }

  /** Memory to receive into, until `received()`. */
  beginReceive(): Uint8Array {
    if (this.isEmpty) return this.#landing.bytes
    const chunk = this.open()
    chunk.users++
    this.#target = chunk
    return chunk.bytes.subarray(this.end)
  }

  /** `count` bytes have come, or none. */
  received(count: number): void {
    const target = this.#target
    this.#target = null
    if (this.#closed) {
      target?.release()
    } else if (target !== null) {
      this.end += count
      target.release()
    } else if (count > 0) {
      const { bytes } = this.open()
      bytes.set(this.#landing.bytes.subarray(0, count), this.end)
      this.end += count
    }
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
    } else if (CHUNK_SIZE - this.end < MIN_ROOM && this.#target === null) {
      chunk = this.#makeRoom(chunk)
    }
    return chunk
  }

  /** Gives the chunk back, unless more is left in it than a stalled client may be charged for. */
  settle(): void {
    const chunk = this.#chunk
    const length = this.end - this.start
    if (chunk === null || length > KEEP_SIZE || this.#target !== null) return
    if (length > 0) {
      this.#kept ??= new Uint8Array(KEEP_SIZE)
      this.#kept.set(chunk.bytes.subarray(this.start, this.end))
      this.#keptLength = length
    }
    this.#drop(chunk)
  }

  /** Forgets everything, and what is still received. What is being received into stays until that is over. */
  close(): void {
    this.#closed = true
    this.#keptLength = 0
    this.#landing.release()
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
