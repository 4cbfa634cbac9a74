import { type AioContext, type BottomHalf, type FdHandlers, realtime, sys, type Timer } from 'aiokit'
import { MAX_STEP_REPLY, ServerHandshake } from '../protocol/handshake.ts'
import { type ExportInfo, greeting } from '../protocol/options.ts'
import type { BufferPool, Chunk } from './buffer-pool.ts'
import type { Image } from './image.ts'
import { InputBuffer } from './input-buffer.ts'
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
  /** How long a client may take to get through the handshake, in ns; 0 is for ever. */
  readonly handshakeTimeoutNs: number
  closed(connection: Connection): void
}

// What the socket is watched for.
const NOTHING = 0
const READ = 1
const WRITE = 2

/**
 * One client: its socket, and how far it may go.
 *
 * It is always in one of these states: waiting for requests; waiting for the client to take its replies, and then
 * taking no more requests from it; or about to go on with requests that it has, as a bottom half, because it has had
 * its turn and others are waiting.
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
  readonly #handlers: readonly (FdHandlers | null)[]
  #watched = NOTHING
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
    this.#transmission = new Transmission(served.image, this.#input, served.pool, () => this.#replied())
    this.#replies = this.#transmission.replies
    this.#handshake = new ServerHandshake(served.info, (bytes) => this.#replies.append(bytes))
    this.#handlers = [null, { read: () => this.#readable() }, { write: () => this.#writable() }]
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
    this.#watch(NOTHING)
    sys.close(this.#fd)
    this.#handshakeTimer.del()
    this.#resume.delete()
    this.#input.close()
    this.#replies.close()
    this.#served.closed(this)
  }

  #readable(): void {
    // Requests that are here already come first; the bottom half is about to take them.
    if (this.#unfinished) return
    const { bytes } = this.#input.open()
    const { end } = this.#input
    const count = sys.recv(this.#fd, bytes, end, bytes.length - end, 0)
    if (count > 0) {
      this.#input.end += count
      this.#work()
    } else if (count === 0) {
      this.#ending = true
      this.#input.settle()
      this.#rest()
    } else {
      this.#input.settle()
      if (count !== -sys.EAGAIN && count !== -sys.EINTR) this.close()
    }
  }

  #writable(): void {
    if (!this.#flush()) return
    if (this.#unfinished) this.#work()
    else this.#rest()
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
    if (this.#flush()) this.#rest()
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

  /** Sends what is ready. Returns false if some of it has to wait, or if the connection is closed. */
  #flush(): boolean {
    const replies = this.#replies
    while (replies.readyStart < replies.readyEnd) {
      const length = replies.readyEnd - replies.readyStart
      const count = sys.send(this.#fd, replies.chunk.bytes, replies.readyStart, length, 0)
      if (count > 0) replies.sent(count)
      if (count === length) continue
      if (count < 0 && count !== -sys.EAGAIN && count !== -sys.EINTR) this.close()
      else this.#watch(WRITE)
      return false
    }
    return true
  }

  /** All that is ready is sent: what does this connection wait for now? */
  #rest(): void {
    if (this.#transmission.isBusy) {
      // The image will call. Until then more requests are welcome if there is room for them.
      this.#watch(this.#unfinished || this.#ending ? NOTHING : READ)
    } else if (this.#unfinished) {
      // Watched for reading all the same: to change that and change it back costs more than an event that is ignored.
      this.#resume.schedule()
      this.#watch(READ)
    } else if (this.#ending) {
      this.close()
    } else {
      this.#watch(READ)
    }
  }

  #watch(what: number): void {
    if (what === this.#watched) return
    this.#watched = what
    this.#served.ctx.setFdHandler(this.#fd, this.#handlers[what]!)
  }
}
