import { NBD_OK, REPLY_SIZE } from '../protocol/constants.ts'
import { errorOf, putReply } from '../protocol/requests.ts'
import { type BufferPool, CHUNK_SIZE, type Chunk } from './buffer-pool.ts'
import type { Completion } from './image.ts'

/** Replies of one connection that may wait for the image at a time; a power of two. */
export const MAX_REPLIES = 256

/** What a queue tells its connection. */
export interface ReplyOwner {
  /** An operation has ended: there may be something to send, and there may be room. */
  replied(): void
  /** A piece of a READ failed, which `begin()` was told belongs to a longer one. */
  pieceFailed(reply: Reply): void
}

/**
 * The reply to one request, or a piece of one: where it is going to be in the chunk, and whether it is there yet.
 * It is itself what the image tells the end of the operation to, so that a request needs no closure.
 */
export class Reply implements Completion {
  cookieHigh = 0
  cookieLow = 0
  start = 0
  length = 0
  /** False for a later piece of a long READ, which has no header of its own. */
  hasHeader = true
  /** True for a piece of a READ too long for one. */
  isPiece = false
  isDone = false
  readonly #queue: ReplyQueue
  #chunk: Chunk | null = null

  constructor(queue: ReplyQueue) {
    this.#queue = queue
  }

  /** Where the data begins. */
  get dataStart(): number {
    return this.hasHeader ? this.start + REPLY_SIZE : this.start
  }

  /** The operation works on this memory, which is nobody else's until `complete()`. */
  use(chunk: Chunk): void {
    chunk.users++
    this.#chunk = chunk
  }

  complete(result: number): void {
    this.#chunk?.release()
    this.#chunk = null
    this.#queue.finish(this, result < 0 ? errorOf(result) : NBD_OK)
  }
}

/**
 * The replies of a connection, in the order of its requests, in one chunk: what is ready at the front of it is one
 * contiguous range, sent by one send(2), however many replies it is.
 *
 * A reply gets its place when its operation begins, so that a READ goes from the image directly to where it is sent
 * from. Operations may end in any order; a reply is sent when those before it are.
 */
export class ReplyQueue {
  /** What can be sent: these bytes of `chunk`. */
  readyStart = 0
  readyEnd = 0
  readonly #owner: ReplyOwner
  readonly #pool: BufferPool
  #chunk: Chunk | null = null
  /** End of what is given away of the chunk. */
  #tail = 0
  /** A ring of those in flight, reused for ever; as long as there were ever in flight at a time. */
  readonly #ring: Reply[] = []
  #first = 0
  #next = 0

  constructor(owner: ReplyOwner, pool: BufferPool) {
    this.#owner = owner
    this.#pool = pool
  }

  /** Whether a reply with `length` bytes of header and data has a place now. What is sent makes room. */
  hasRoom(length: number): boolean {
    return this.#tail + length <= CHUNK_SIZE && this.#next - this.#first < MAX_REPLIES
  }

  /** Replies whose operations have not ended, and those that have to wait for these. */
  get inFlight(): number {
    return this.#next - this.#first
  }

  /** Nothing to send and nothing in flight. */
  get isEmpty(): boolean {
    return this.#first === this.#next && this.readyStart === this.readyEnd
  }

  /** Only while there is something to send, or in flight. */
  get chunk(): Chunk {
    return this.#chunk!
  }

  /** Copies bytes that are no reply to a request, for which `hasRoom()` was true; only while nothing is in flight. */
  append(bytes: Uint8Array): void {
    this.#chunk ??= this.#pool.take()
    this.#chunk.bytes.set(bytes, this.#tail)
    this.#tail += bytes.length
    this.readyEnd = this.#tail
  }

  /** Gives a reply its place, for which `hasRoom()` was true. */
  begin(
    cookieHigh: number,
    cookieLow: number,
    dataLength: number,
    hasHeader: boolean,
    isPiece: boolean,
  ): Reply {
    this.#chunk ??= this.#pool.take()
    const at = this.#next++ & (MAX_REPLIES - 1)
    if (at === this.#ring.length) this.#ring.push(new Reply(this))
    const reply = this.#ring[at]!
    reply.cookieHigh = cookieHigh
    reply.cookieLow = cookieLow
    reply.start = this.#tail
    reply.length = hasHeader ? REPLY_SIZE + dataLength : dataLength
    reply.hasHeader = hasHeader
    reply.isPiece = isPiece
    reply.isDone = false
    this.#tail += reply.length
    return reply
  }

  /** Ends a reply. One with an error has no data. */
  finish(reply: Reply, error: number): void {
    if (error !== NBD_OK) {
      const end = reply.start + reply.length
      reply.length = reply.hasHeader ? REPLY_SIZE : 0
      if (end === this.#tail) this.#tail = reply.start + reply.length
    }
    reply.isDone = true
    if (this.#chunk === null) return
    if (reply.hasHeader) putReply(this.#chunk.view, reply.start, error, reply.cookieHigh, reply.cookieLow)
    this.#advance()
    if (error !== NBD_OK && reply.isPiece) this.#owner.pieceFailed(reply)
    this.#owner.replied()
  }

  /** `count` bytes of what was ready are sent. */
  sent(count: number): void {
    this.readyStart += count
    if (this.readyStart < this.readyEnd) return
    this.#advance()
    if (this.isEmpty) this.#reset()
  }

  /** Forgets everything. The chunk stays with the operations that are in flight. */
  close(): void {
    this.#reset()
  }

  /** Adds what has become ready to the range. */
  #advance(): void {
    while (this.#first < this.#next) {
      const reply = this.#ring[this.#first & (MAX_REPLIES - 1)]!
      if (!reply.isDone) return
      if (reply.start !== this.readyEnd) {
        // The one before failed and left the place of its data empty: that is sent first.
        if (this.readyStart < this.readyEnd) return
        this.readyStart = reply.start
      }
      this.readyEnd = reply.start + reply.length
      this.#first++
    }
    // Short numbers, and the same few replies again, as often as possible.
    this.#first = 0
    this.#next = 0
  }

  #reset(): void {
    this.readyStart = 0
    this.readyEnd = 0
    this.#tail = 0
    const chunk = this.#chunk
    this.#chunk = null
    chunk?.release()
  }
}
