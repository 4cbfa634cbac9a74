import { type AioContext, type BottomHalf, type IoRequest, realtime, sys, type Timer } from 'aiokit'
import { MAX_STEP_REPLY, ServerHandshake } from '../protocol/handshake.ts'
import { type ExportInfo, greeting } from '../protocol/options.ts'
import type { BufferPool, Chunk } from './buffer-pool.ts'
import type { Image } from './image.ts'
import { InputBuffer } from './input-buffer.ts'
import type { LoopMeter } from './loop-stats.ts'
import type { ReplyQueue } from './reply-queue.ts'
import { BLOCKED, BROKEN, BUDGET_SPENT, ENDED, IDLE, Transmission } from './transmission.ts'

/** Unix sockets have a small send buffer, fixed at 208 KiB; a batch of replies should fit. TCP finds its own size. */
const UNIX_SEND_BUFFER = 2 ** 20

/** What all connections of a server have in common. */
export interface Served {
  readonly ctx: AioContext
  readonly image: Image
  readonly info: ExportInfo
  readonly pool: BufferPool
  readonly meter: LoopMeter
  /** How long a client may take to get through the handshake, in ns; 0 is for ever. */
  readonly handshakeTimeoutNs: number
  closed(connection: Connection): void
}

/**
 * One client: its socket, and how far it may go.
 *
 * It receives and sends at the same time, through `ctx.io`. Requests that cannot go on, because there is no room for
 * their replies or because it has had its turn and others are waiting, keep it from receiving more; it goes on with
 * them when replies are sent, when the image calls, or else in a bottom half.
 */
export class Connection {
  readonly #served: Served
  readonly #fd: number
  readonly #input: InputBuffer
  readonly #replies: ReplyQueue
  readonly #transmission: Transmission
  /** Null when it is over. */
  #handshake: ServerHandshake | null
  readonly #handshakeTimer: Timer
  readonly #resume: BottomHalf
  #receiving: IoRequest | null = null
  #sending: IoRequest | null = null
  /** Where it is sent from. */
  #sendingChunk: Chunk | null = null
  /** There are requests left in the input that can go on without the client's doing. */
  #unfinished = false
  /** No more requests come: the connection is closed when the last reply is sent. */
  #ending = false
  #working = false
  #closed = false

  /** @param fd a connected socket, not blocking; the connection closes it */
  constructor(served: Served, fd: number, isTcp: boolean) {
    this.#served = served
    this.#fd = fd
    this.#input = new InputBuffer(served.pool)
    this.#transmission = new Transmission(served, this.#input, () => this.#replied())
    this.#replies = this.#transmission.replies
    this.#handshake = new ServerHandshake(served.info, (bytes) => this.#replies.append(bytes))
    this.#resume = served.ctx.createBottomHalf(() => this.#work(), { name: 'nbd connection' })
    this.#handshakeTimer = served.ctx.createTimer(realtime, () => this.close())
    if (served.handshakeTimeoutNs > 0) this.#handshakeTimer.mod(realtime.now() + served.handshakeTimeoutNs)
    if (isTcp) {
      sys.setsockopt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1)
      // A client whose machine is gone says nothing ever again.
      sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_KEEPALIVE, 1)
    } else {
      sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_SNDBUF, UNIX_SEND_BUFFER)
    }
  }

  /** Greets the client. It may be gone already: the connection can be closed when this returns. */
  start(): void {
    this.#replies.append(greeting())
    this.#work()
  }

  /** Disconnects the client, whatever it is owed. May be called twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#receiving?.cancel()
    this.#sending?.cancel()
    // Before its client can see that: it may come again at once, and then it is not to be counted twice.
    this.#served.closed(this)
    sys.close(this.#fd)
    this.#handshakeTimer.del()
    this.#resume.delete()
    this.#input.close()
    this.#replies.close()
  }

  /** Waits for more requests, unless it does already or none will come. */
  #receive(): void {
    if (this.#receiving !== null || this.#ending) return
    this.#receiving = this.#served.ctx.io.recvAio(this.#fd, this.#input.beginReceive(), 0, this.#received)
  }

  readonly #received = (count: number): void => {
    this.#receiving = null
    this.#input.received(Math.max(0, count))
    if (this.#closed) return
    if (count < 0) {
      this.close()
    } else if (count > 0) {
      // Requests that were here already come first; the bottom half is about to take them.
      if (!this.#unfinished) this.#work()
    } else {
      this.#ending = true
      this.#input.settle()
      this.#rest()
    }
  }

  readonly #sent = (count: number): void => {
    this.#sending = null
    this.#sendingChunk!.release()
    this.#sendingChunk = null
    if (this.#closed) return
    if (count < 0) {
      this.close()
      return
    }
    this.#replies.sent(count)
    this.#flush()
    this.#rest()
  }

  #replied(): void {
    if (!this.#working && !this.#closed) this.#resume.schedule()
  }

  /** One turn of this client. */
  #work(): void {
    const chunk = this.#input.open()
    this.#working = true
    let outcome = this.#handshake === null ? IDLE : this.#negotiate(this.#handshake, chunk)
    if (this.#handshake === null) outcome = this.#transmission.serve(chunk)
    this.#working = false
    if (outcome === BROKEN) {
      this.close()
      return
    }
    if (outcome === ENDED) this.#ending = true
    this.#unfinished = outcome === BUDGET_SPENT || outcome === BLOCKED
    this.#input.settle()
    this.#flush()
    this.#rest()
  }

  #negotiate(handshake: ServerHandshake, chunk: Chunk): number {
    const input = this.#input
    for (;;) {
      if (handshake.state === 'closing') return ENDED
      if (handshake.state === 'transmission') {
        this.#handshake = null
        this.#handshakeTimer.del()
        return IDLE
      }
      if (!this.#replies.hasRoom(MAX_STEP_REPLY)) return BLOCKED
      const taken = handshake.step(chunk.bytes.subarray(input.start, input.end))
      if (taken === 0) return IDLE
      input.start += taken
    }
  }

  /** Sends what is ready, all that there is at once. */
  #flush(): void {
    const replies = this.#replies
    if (this.#sending !== null || replies.readyStart === replies.readyEnd) return
    const { chunk } = replies
    chunk.users++
    this.#sendingChunk = chunk
    const bytes = chunk.bytes.subarray(replies.readyStart, replies.readyEnd)
    this.#sending = this.#served.ctx.io.sendAio(this.#fd, bytes, 0, this.#sent)
  }

  /** What does this connection wait for now? */
  #rest(): void {
    if (!this.#unfinished) {
      // More requests are welcome while replies are on their way.
      this.#receive()
      if (this.#ending && this.#sending === null && !this.#transmission.isBusy) this.close()
    } else if (this.#sending === null && !this.#transmission.isBusy) {
      this.#resume.schedule()
    }
  }
}
