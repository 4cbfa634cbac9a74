import { requireInteger } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import type { FdCallback, FdCallbacks } from './callbacks.ts'
import { ERR, HUP, IN, OUT } from './events.ts'

// What of a handler is still to be called for the readiness that was last reported.
const READ_DUE = 1
const WRITE_DUE = 2
const POLL_READY_DUE = 4

/**
 * One watched descriptor: its callbacks, what the monitor watches it for, and its place on a ready list.
 *
 * All have one shape, whatever callbacks they have, so that dispatching many kinds stays monomorphic.
 */
export class AioHandler {
  readonly fd: number
  /** What the monitor watches the descriptor for, `IN` and `OUT`; 0 while it does not. Set by the monitor only. */
  events = 0
  /** Where the monitor keeps it; the monitor's own business. */
  slot = -1
  /** Tells this registration from an earlier one of the same slot; the monitor's own business. */
  generation = 0

  /** @internal */
  readonly readyLink: ListLink<AioHandler>
  #due = 0
  /** @internal Its place among the polled handlers; -1 while it is not one. */
  pollSlot = -1
  /** @internal Calls of its `pollReady` that are running: it is not polled meanwhile (rule P8). */
  inPollReady = 0
  // What the loop has learned of it (see `PolledHandlers`), in nanoseconds: for how long a wait polls for it, how long waits
  // for it took, and when it was last active; and the number of the last wait that it has ended.
  pollNs = 0
  averageNs = 0
  activeAt = 0
  lastWait = 0
  /** Replaced as a whole when its descriptor gets other handlers. */
  callbacks: FdCallbacks

  /** @throws `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_INVALID_ARG_TYPE` for what is no descriptor number */
  constructor(fd: number, callbacks: FdCallbacks) {
    this.fd = requireInteger(fd, 'fd', 0, 0x7fff_ffff)
    this.readyLink = new ListLink<AioHandler>(this)
    this.callbacks = callbacks
  }

  /**
   * Notes what the monitor saw. Returns false if no callback is interested.
   *
   * @internal
   */
  mark(revents: number): boolean {
    let due = 0
    if ((revents & (IN | HUP | ERR)) !== 0 && this.callbacks.read !== null) due |= READ_DUE
    if ((revents & (OUT | ERR)) !== 0 && this.callbacks.write !== null) due |= WRITE_DUE
    this.#due = due
    return due !== 0
  }

  /**
   * Notes that its `poll` said true. What the monitor saw is better: it is for the descriptor to be dealt with.
   *
   * @internal
   */
  markPolled(): void {
    if (this.#due === 0) this.#due = POLL_READY_DUE
  }

  /** True while `pollReady` is to be called. */
  get isPolled(): boolean {
    return this.#due === POLL_READY_DUE
  }

  /** True while a callback is to be called for what was last reported. */
  get isDue(): boolean {
    return this.#due !== 0
  }

  /**
   * Forgets what was reported: the handler was removed, or its readiness has been dealt with otherwise.
   *
   * @internal
   */
  forget(): void {
    this.#due = 0
  }

  /**
   * The next callback to call, `read` before `write`; null if it was replaced by none since the event. What remains
   * due is noted first: a callback that throws, removes the handler, or polls again finds everything in order.
   *
   * @internal
   */
  takeDue(): FdCallback | null {
    if (this.#due === POLL_READY_DUE) {
      this.#due = 0
      return this.callbacks.pollReady
    }
    if ((this.#due & READ_DUE) !== 0) {
      this.#due &= ~READ_DUE
      return this.callbacks.read
    }
    this.#due = 0
    return this.callbacks.write
  }
}
