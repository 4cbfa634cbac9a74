import { type AioContext, sys } from 'aiokit'
import type { Address } from '../address.ts'
import {
  CMD_DISC,
  CMD_READ,
  CMD_WRITE,
  NBD_OK,
  REPLY_SIZE,
  REQUEST_SIZE,
  SIMPLE_REPLY_MAGIC,
} from '../protocol/constants.ts'
import { putRequest } from '../protocol/requests.ts'
import { viewOf } from '../protocol/wire.ts'
import { Refusal } from '../refusal.ts'
import { Exchange } from './exchange.ts'
import { type Negotiated, negotiate } from './negotiate.ts'

export interface NbdClientOptions {
  exportName: string
  /** Requests in flight, at most; each has a slot from 0 on. */
  depth: number
  /** Longest READ and WRITE in bytes. */
  maxLength: number
  /**
   * A reply has come. The data of a READ is in `bytes` at `at`, until this returns. The slot is free: the next request
   * may be made from here, and is sent with all others of the batch.
   */
  replied(slot: number, error: number, bytes: Uint8Array, at: number): void
}

/**
 * A pipelining NBD client on a context. Requests are collected by `read` and `write`, go out together with
 * `submit`, and are answered through `replied`.
 *
 * Payload and data always lie at a multiple of 4 bytes of their memory if all lengths are such multiples.
 */
export class NbdClient {
  readonly export: Negotiated
  readonly #ctx: AioContext
  readonly #fd: number
  readonly #replied: NbdClientOptions['replied']
  /** By slot: bytes of data that come with a reply without an error; -1 for a slot that is free. */
  readonly #expected: Int32Array
  readonly #out: Uint8Array
  readonly #outView: DataView
  #outStart = 0
  #outEnd = 0
  readonly #in: Uint8Array
  readonly #inView: DataView
  #inStart = 0
  #inEnd = 0
  readonly #reading = { read: (): void => this.#receive() }
  readonly #readingAndWriting = { read: (): void => this.#receive(), write: (): void => this.submit() }
  #isWriting = false

  /** Connects and negotiates, polling `ctx` meanwhile. @throws Refusal, SystemError */
  constructor(ctx: AioContext, address: Address, options: NbdClientOptions) {
    this.#ctx = ctx
    const exchange = new Exchange(ctx, address)
    this.#fd = exchange.fd
    try {
      this.export = negotiate(exchange, options.exportName)
    } catch (error) {
      sys.close(this.#fd)
      throw error
    }
    if (!('path' in address)) sys.setsockopt(this.#fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1)
    this.#replied = options.replied
    this.#expected = new Int32Array(options.depth).fill(-1)
    this.#out = new Uint8Array((options.depth + 1) * (REQUEST_SIZE + options.maxLength))
    this.#outView = viewOf(this.#out)
    // Room for a batch, and for a reply that is moved to the front because it does not fit in the end.
    this.#in = new Uint8Array(2 * Math.max(REPLY_SIZE + options.maxLength, 262_144))
    this.#inView = viewOf(this.#in)
    ctx.setFdHandler(this.#fd, this.#reading)
  }

  read(slot: number, offset: number, length: number): void {
    this.#put(slot, CMD_READ, offset, length, length)
  }

  /** Returns memory for the caller to fill with `length` bytes of payload, from `payloadStart` on, before `submit`. */
  write(slot: number, offset: number, length: number): Uint8Array {
    this.#put(slot, CMD_WRITE, offset, length, 0)
    this.payloadStart = this.#outEnd
    this.#outEnd += length
    return this.#out
  }
  payloadStart = 0

  /** Sends what was put together; what the socket does not take is sent by the context. */
  submit(): void {
    const length = this.#outEnd - this.#outStart
    const count = length === 0 ? 0 : sys.send(this.#fd, this.#out, this.#outStart, length, 0)
    if (count > 0) this.#outStart += count
    else if (count < 0 && count !== -sys.EAGAIN) sys.check(count, 'send')
    if (this.#outStart === this.#outEnd) {
      this.#outStart = 0
      this.#outEnd = 0
    }
    const isWriting = this.#outEnd > 0
    if (isWriting === this.#isWriting) return
    this.#isWriting = isWriting
    this.#ctx.setFdHandler(this.#fd, isWriting ? this.#readingAndWriting : this.#reading)
  }

  /** Disconnects, politely if everything is sent. */
  close(): void {
    if (!this.#isWriting) {
      putRequest(this.#outView, 0, 0, CMD_DISC, 0, 0, 0, 0)
      sys.send(this.#fd, this.#out, 0, REQUEST_SIZE, 0)
    }
    this.#ctx.setFdHandler(this.#fd, null)
    sys.close(this.#fd)
  }

  #put(slot: number, type: number, offset: number, length: number, expected: number): void {
    const size = REQUEST_SIZE + (type === CMD_WRITE ? length : 0)
    if (this.#outEnd + size > this.#out.length) {
      this.#out.copyWithin(0, this.#outStart, this.#outEnd)
      this.#outEnd -= this.#outStart
      this.#outStart = 0
    }
    putRequest(this.#outView, this.#outEnd, 0, type, 0, slot, offset, length)
    this.#outEnd += REQUEST_SIZE
    this.#expected[slot] = expected
  }

  #receive(): void {
    const count = sys.recv(this.#fd, this.#in, this.#inEnd, this.#in.length - this.#inEnd, 0)
    if (count === -sys.EAGAIN || count === -sys.EINTR) return
    if (sys.check(count, 'recv') === 0) throw new Refusal('the server has closed the connection')
    this.#inEnd += count
    while (this.#takeReply()) {
      // Each may make a new request.
    }
    if (this.#inStart === this.#inEnd) {
      this.#inStart = 0
      this.#inEnd = 0
    } else if (this.#inStart > this.#in.length / 2) {
      this.#in.copyWithin(0, this.#inStart, this.#inEnd)
      this.#inEnd -= this.#inStart
      this.#inStart = 0
    }
    this.submit()
  }

  #takeReply(): boolean {
    const start = this.#inStart
    const available = this.#inEnd - start
    if (available < REPLY_SIZE) return false
    const error = this.#inView.getUint32(start + 4)
    const slot = this.#inView.getUint32(start + 12)
    const expected = this.#expected[slot] ?? -1
    if (this.#inView.getUint32(start) !== SIMPLE_REPLY_MAGIC || expected < 0) {
      throw new Refusal('the server sends something that is no reply to any request')
    }
    const length = error === NBD_OK ? expected : 0
    if (available < REPLY_SIZE + length) return false
    this.#inStart += REPLY_SIZE + length
    this.#expected[slot] = -1
    this.#replied(slot, error, this.#in, start + REPLY_SIZE)
    return true
  }
}
