import { aioError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import { ERR, HUP, IN, OUT } from './events.ts'

/**
 * What to call when a descriptor is ready. Readiness is level-triggered: what is not consumed is reported again.
 *
 * `read` runs on IN, HUP and ERR, `write` on OUT and ERR, each only if given; both may run for one event (rule F2).
 * `poll` and the rest are for loops that poll adaptively, which AioContext does not do yet; they need `read` or `write`
 * beside them. `poll` only checks, from userspace and in nanoseconds, and `pollReady` does the work (rules P2, P3).
 */
export interface FdHandlers {
  read?(): void
  write?(): void
  poll?(): boolean
  pollReady?(): void
  pollBegin?(): void
  pollEnd?(): void
}

type Callback = ((this: FdHandlers) => void) | null

const NAMES = ['read', 'write', 'poll', 'pollReady', 'pollBegin', 'pollEnd'] as const
const NONE: FdHandlers = Object.freeze({})

// What of a handler is still to be called for the readiness that was last reported.
const READ_DUE = 1
const WRITE_DUE = 2

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
  #target: FdHandlers = NONE
  #read: Callback = null
  #write: Callback = null

  /** @throws as `wantedEvents` does, and `ERR_AIO_OUT_OF_RANGE` for what is no descriptor number */
  constructor(fd: number, handlers: FdHandlers) {
    wantedEvents(handlers)
    this.fd = requireInteger(fd, 'fd', 0, 0x7fff_ffff)
    this.readyLink = new ListLink<AioHandler>(this)
    this.callbacks = handlers
  }

  /** What the callbacks are called on, as `this`. */
  get callbacks(): FdHandlers {
    return this.#target
  }

  /** Replaces all callbacks; the functions are taken now, so that changing the object later changes nothing. */
  set callbacks(handlers: FdHandlers) {
    this.#target = handlers
    this.#read = handlers.read ?? null
    this.#write = handlers.write ?? null
  }

  /**
   * Notes what the monitor saw. Returns false if no callback is interested.
   *
   * @internal
   */
  mark(revents: number): boolean {
    let due = 0
    if ((revents & (IN | HUP | ERR)) !== 0 && this.#read !== null) due |= READ_DUE
    if ((revents & (OUT | ERR)) !== 0 && this.#write !== null) due |= WRITE_DUE
    this.#due = due
    return due !== 0
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
  takeDue(): Callback {
    if ((this.#due & READ_DUE) !== 0) {
      this.#due &= ~READ_DUE
      return this.#read
    }
    this.#due = 0
    return this.#write
  }
}

/**
 * What a descriptor with these handlers is to be watched for: `IN`, `OUT` or both.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_NO_CALLBACK`
 */
export function wantedEvents(handlers: FdHandlers): number {
  if (typeof handlers !== 'object' || handlers === null) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"handlers" must be an object with functions, or null to remove. Received ${describe(handlers)}.`,
    )
  }
  for (const name of NAMES) {
    const value: unknown = handlers[name]
    if (value !== undefined && typeof value !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"handlers.${name}" must be a function. Received ${describe(value)}.`,
      )
    }
  }
  if ((handlers.poll === undefined) !== (handlers.pollReady === undefined)) {
    throw aioError(
      'ERR_AIO_NO_CALLBACK',
      '`poll` and `pollReady` go together: `poll` only checks, `pollReady` does the work.',
    )
  }
  const events = (handlers.read === undefined ? 0 : IN) | (handlers.write === undefined ? 0 : OUT)
  if (events === 0) {
    throw aioError(
      'ERR_AIO_NO_CALLBACK',
      '"handlers" needs a `read` or a `write` function; pass null to remove the handler.',
    )
  }
  return events
}
