import {
  CMD_DISC,
  CMD_FLAG_FUA,
  CMD_FLUSH,
  CMD_READ,
  CMD_WRITE,
  MAX_PAYLOAD,
  NBD_EINVAL,
  NBD_ENOSPC,
  NBD_EPERM,
  NBD_OK,
  REPLY_SIZE,
} from '../protocol/constants.ts'
import { errorOf, NEED_MORE, PAYLOAD, RequestParser, WRONG_MAGIC } from '../protocol/requests.ts'
import { type BufferPool, CHUNK_SIZE, type Chunk } from './buffer-pool.ts'
import type { Completion, Image } from './image.ts'
import type { InputBuffer } from './input-buffer.ts'
import type { LoopMeter } from './loop-stats.ts'
import { type Reply, type ReplyOwner, ReplyQueue } from './reply-queue.ts'

/** How a turn of `Transmission.serve()` ended: the client has to send more. */
export const IDLE = 0
/** Others are waiting for their turn. */
export const BUDGET_SPENT = 1
/** Replies have to be sent first, or an operation of the image has to end. */
export const BLOCKED = 2
/** The client is to be disconnected when its replies are sent. */
export const ENDED = 3
/** The client is to be disconnected at once. */
export const BROKEN = 4

/** What a client may have done in a turn, in bytes of data. */
const TURN_BUDGET = 2 ** 20

/** What a request costs of that, beside its data: a turn is at most 256 requests. */
const REQUEST_COST = 4096

/** What it works with, and others beside it. */
export interface TransmissionServices {
  readonly image: Image
  readonly pool: BufferPool
  readonly meter: LoopMeter
}

/**
 * What a client may do once the handshake is over: its requests, in the order of their arrival, are checked and passed
 * to the image.
 *
 * A READ too long for a chunk is read and sent in pieces, and so can fail in the middle of its reply: then the
 * protocol has the client disconnected. A WRITE goes to the image as it arrives.
 */
export class Transmission implements ReplyOwner {
  readonly replies: ReplyQueue
  readonly #image: Image
  readonly #meter: LoopMeter
  readonly #input: InputBuffer
  readonly #replied: () => void
  readonly #parser = new RequestParser()
  // The rest of a READ.
  #readLeft = 0
  #readPosition = 0
  #readBegun = false
  /** The first error of the WRITE whose payload is coming; what comes is dropped then. */
  #writeError = NBD_OK
  /** The image is writing a piece that is not the last one of its WRITE. */
  #pieceChunk: Chunk | null = null
  #broken = false
  readonly #pieceWritten: Completion = {
    complete: (result: number): void => {
      if (result < 0) this.#writeError = errorOf(result)
      this.#pieceChunk!.release()
      this.#pieceChunk = null
      this.#replied()
    },
  }

  /** @param replied called when an operation of the image has ended, also inside `serve()` */
  constructor(served: TransmissionServices, input: InputBuffer, replied: () => void) {
    this.#image = served.image
    this.#meter = served.meter
    this.#input = input
    this.#replied = replied
    this.replies = new ReplyQueue(this, served.pool)
  }

  /** True while the image is at work and is going to call `replied`. */
  get isBusy(): boolean {
    return this.replies.inFlight > 0 || this.#pieceChunk !== null
  }

  /** One turn: takes what it may of the requests in `chunk`, which is what `input` has opened. */
  serve(chunk: Chunk): number {
    const parser = this.#parser
    const input = this.#input
    let budget = TURN_BUDGET
    for (;;) {
      while (this.#readLeft > 0) {
        const left = this.#readLeft
        if (!this.#readPiece()) return this.#broken ? BROKEN : BLOCKED
        budget -= left - this.#readLeft
      }
      if (this.#broken) return BROKEN
      if (this.#pieceChunk !== null || !this.replies.hasRoom(REPLY_SIZE)) return BLOCKED
      if (budget <= 0) return BUDGET_SPENT
      const found = parser.next(chunk.view, input.start, input.end)
      if (found === NEED_MORE) return IDLE
      const start = input.start
      input.start += parser.taken
      budget -= REQUEST_COST
      if (found === PAYLOAD) {
        budget -= parser.taken
        this.#write(chunk, start)
      } else if (found === WRONG_MAGIC || !this.#begin()) {
        return ENDED
      }
    }
  }

  replied(): void {
    this.#replied()
  }

  pieceFailed(reply: Reply): void {
    // With its header still ours to write, the reply has become an error; else it is half a reply already.
    if (reply.hasHeader) this.#readLeft = 0
    else this.#broken = true
  }

  /** Begins the request that the parser has found. Returns false if the client is to be disconnected. */
  #begin(): boolean {
    const parser = this.#parser
    const { length } = parser
    // A goodbye gets no answer.
    if (parser.type !== CMD_DISC) this.#meter.requests++
    switch (parser.type) {
      case CMD_READ: {
        const error = this.#readErrorOf()
        if (error !== NBD_OK || length === 0) return this.#answer(error)
        this.#readLeft = length
        this.#readPosition = parser.offset
        this.#readBegun = false
        return true
      }
      case CMD_WRITE:
        // There is no next request behind a payload of that size, for all that anyone can wait.
        if (length > MAX_PAYLOAD) {
          this.#answer(NBD_EINVAL)
          return false
        }
        this.#writeError = this.#writeErrorOf()
        return length > 0 || this.#answer(this.#writeError)
      case CMD_FLUSH:
        if (!this.#flagsAreKnown() || parser.offset !== 0 || length !== 0) return this.#answer(NBD_EINVAL)
        this.#image.flush(this.#reply())
        return true
      case CMD_DISC:
        return false
      default:
        return this.#answer(NBD_EINVAL)
    }
  }

  /** Reads as much as one chunk holds, or the rest. Returns false if it has to wait for its place. */
  #readPiece(): boolean {
    const header = this.#readBegun ? 0 : REPLY_SIZE
    const length = Math.min(this.#readLeft, CHUNK_SIZE - header)
    if (!this.replies.hasRoom(header + length)) return false
    const { cookieHigh, cookieLow } = this.#parser
    const isPiece = this.#readBegun || length < this.#readLeft
    const reply = this.replies.begin(cookieHigh, cookieLow, length, !this.#readBegun, isPiece)
    const position = this.#readPosition
    // Before the image can say that it failed.
    this.#readBegun = true
    this.#readLeft -= length
    this.#readPosition += length
    const { chunk } = this.replies
    reply.use(chunk)
    this.#image.read(chunk.bytes, reply.dataStart, length, position, reply)
    return !this.#broken
  }

  /** The payload, or a piece of it, is in `chunk` at `start`. */
  #write(chunk: Chunk, start: number): void {
    const { taken, position, payloadLeft, flags } = this.#parser
    if (payloadLeft > 0) {
      if (this.#writeError !== NBD_OK) return
      chunk.users++
      this.#pieceChunk = chunk
      this.#image.write(chunk.bytes, start, taken, position, false, this.#pieceWritten)
    } else if (this.#writeError !== NBD_OK) {
      this.#answer(this.#writeError)
    } else {
      const reply = this.#reply()
      reply.use(chunk)
      this.#image.write(chunk.bytes, start, taken, position, (flags & CMD_FLAG_FUA) !== 0, reply)
    }
  }

  #readErrorOf(): number {
    const { offset, length } = this.#parser
    if (!this.#flagsAreKnown() || length > MAX_PAYLOAD) return NBD_EINVAL
    return offset + length > this.#image.file.size ? NBD_EINVAL : NBD_OK
  }

  #writeErrorOf(): number {
    const { offset, length } = this.#parser
    if (!this.#flagsAreKnown()) return NBD_EINVAL
    if (this.#image.file.readOnly) return NBD_EPERM
    return offset + length > this.#image.file.size ? NBD_ENOSPC : NBD_OK
  }

  /** The protocol has FUA accepted with every command, also where it means nothing. */
  #flagsAreKnown(): boolean {
    return (this.#parser.flags & ~CMD_FLAG_FUA) === 0
  }

  /** A reply without data to the request at hand. */
  #reply(): Reply {
    return this.replies.begin(this.#parser.cookieHigh, this.#parser.cookieLow, 0, true, false)
  }

  /** A reply without an operation. Returns true: the client may go on. */
  #answer(error: number): boolean {
    this.replies.finish(this.#reply(), error)
    return true
  }
}
