import type { AsyncResource } from 'node:async_hooks'
import { captureScope } from '@aiokit/callback'
import { aioError, aioTypeError, describe, requireBoolean } from '@aiokit/errors'
import { IN, OUT } from './events.ts'

/**
 * What to call when a descriptor is ready. Readiness is level-triggered: what is not consumed is reported again.
 *
 * `read` runs on IN, HUP and ERR, `write` on OUT and ERR, each only if given; both may run for one event (rule F2).
 *
 * The others are for what can be looked at from userspace, and need `read` or `write` beside them (rules P2, P3, P6):
 * before a loop sleeps it may call `poll` again and again, which only checks, in nanoseconds, and calls nothing of the
 * loop's; when that says true, `pollReady` is called instead of `read` and `write`. From `pollBegin` on the other side need
 * not make the descriptor ready, until `pollEnd`, after which `poll` is asked once more.
 */
export interface FdHandlers {
  read?(): void
  write?(): void
  poll?(): boolean
  pollReady?(): void
  pollBegin?(): void
  pollEnd?(): void
  /** Whether it keeps a process alive that the loop is attached to. Default true. */
  ref?: boolean
}

/**
 * One who watches something by its descriptor that can also be looked at from userspace, such as an event notifier. Told of
 * what becomes of that: `start` and `stop` bracket the time in which handlers of the descriptor are registered.
 */
export interface FdWatch {
  start(): void
  /** @param isOpen false if the descriptor was closed, so that its number may be another file's */
  stop(isOpen: boolean): void
  poll(): boolean
  begin(): void
  end(): void
}

export type FdCallback = (this: FdHandlers) => void

const NAMES = ['read', 'write', 'poll', 'pollReady', 'pollBegin', 'pollEnd'] as const

/**
 * The functions of some handlers, each read once: changing the object later changes nothing, and a getter that answers
 * differently the next time, or throws, or calls back into the loop, finds the loop in order.
 */
export class FdCallbacks {
  /** What they are called on, as `this`. */
  readonly target: FdHandlers
  readonly read: FdCallback | null
  readonly write: FdCallback | null
  readonly poll: ((this: FdHandlers) => boolean) | null
  readonly pollReady: FdCallback | null
  readonly pollBegin: FdCallback | null
  readonly pollEnd: FdCallback | null
  readonly ref: boolean
  /** The async context that they run in, if a host loop runs them. */
  readonly scope: AsyncResource

  readonly watch: FdWatch | null

  /**
   * @param watch what is looked at if the handlers have no `poll` of their own, and `read` is then called
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_NO_CALLBACK`, or what a getter throws
   */
  constructor(handlers: FdHandlers, watch: FdWatch | null = null) {
    if (typeof handlers !== 'object' || handlers === null) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"handlers" must be an object with functions, or null to remove. Received ${describe(handlers)}.`,
      )
    }
    const [read, write, poll, pollReady, pollBegin, pollEnd] = NAMES.map((name) => callback(handlers, name))
    if ((poll === null) !== (pollReady === null)) {
      throw aioError(
        'ERR_AIO_NO_CALLBACK',
        '`poll` and `pollReady` go together: `poll` only checks, `pollReady` does the work.',
      )
    }
    if (poll === null && (pollBegin !== null || pollEnd !== null)) {
      throw aioError(
        'ERR_AIO_NO_CALLBACK',
        '`pollBegin` and `pollEnd` are called around `poll`: give that and `pollReady` too.',
      )
    }
    this.scope = captureScope('AIO_FD')
    const { ref = true } = handlers
    this.ref = requireBoolean(ref, 'handlers.ref')
    this.target = handlers
    this.read = read!
    this.write = write!
    this.watch = watch
    if (watch !== null && poll === null && read !== null && write === null) {
      this.poll = () => watch.poll()
      this.pollReady = read!
      this.pollBegin = () => watch.begin()
      this.pollEnd = () => watch.end()
    } else {
      this.poll = poll as ((this: FdHandlers) => boolean) | null
      this.pollReady = pollReady!
      this.pollBegin = pollBegin!
      this.pollEnd = pollEnd!
    }
    if (this.events === 0) {
      throw aioError(
        'ERR_AIO_NO_CALLBACK',
        '"handlers" needs a `read` or a `write` function; pass null to remove the handler.',
      )
    }
  }

  /** What their descriptor is to be watched for: `IN`, `OUT` or both. */
  get events(): number {
    return (this.read === null ? 0 : IN) | (this.write === null ? 0 : OUT)
  }
}

function callback(handlers: FdHandlers, name: (typeof NAMES)[number]): FdCallback | null {
  const value: unknown = handlers[name]
  if (value === undefined) return null
  if (typeof value !== 'function') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"handlers.${name}" must be a function. Received ${describe(value)}.`,
    )
  }
  return value as FdCallback
}
