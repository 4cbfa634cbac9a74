import type { AioContext, Clock, Timer } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import { realtime } from '@aiokit/timers'
import type { Co } from './co.ts'
import { arm } from './co-sleep.ts'
import type { Coroutine } from './coroutine.ts'
import { type Home, homeOf, type Timed } from './home.ts'
import { requireCo } from './misuse.ts'
import { requireSelf } from './switch.ts'

class Deadline implements Timed {
  readonly link: ListLink<Timed> = new ListLink<Timed>(this)
  readonly #co: Coroutine<unknown>
  readonly #home: Home
  readonly #timer: Timer
  readonly #ns: number
  /** What was thrown, or is about to be, because the deadline has passed or never will. */
  #thrown: Error | null = null
  #hasPassed = false

  constructor(co: Coroutine<unknown>, ctx: AioContext, ns: number, clock: Clock) {
    this.#co = co
    this.#home = homeOf(ctx)
    this.#ns = ns
    this.#timer = ctx.createTimer(clock, () => this.#pass())
    arm(this.#timer, clock, ns)
    this.#home.timed.insertTail(this.link)
  }

  contextClosed(error: Error): void {
    this.#thrown = error
    this.#co.cancel(error)
  }

  end(): void {
    this.#timer.del()
    this.#home.timed.safeRemove(this.link)
    // It may have come too late to be thrown.
    if (this.#thrown !== null) this.#co.withdraw(this.#thrown)
  }

  /** What the caller is to see of an error of the body. */
  outside(error: unknown): unknown {
    if (!this.#hasPassed || error !== this.#thrown) return error
    return aioError('ERR_AIO_TIMEOUT', this.#message(), { cause: error })
  }

  /** Inside it is no timeout: deadlines further in would take it for their own. */
  #pass(): void {
    // The context is not closed yet: then this would not be called.
    this.#home.timed.remove(this.link)
    this.#hasPassed = true
    this.#thrown = aioError('ERR_AIO_CANCELED', this.#message())
    this.#co.interrupt(this.#thrown)
  }

  #message(): string {
    return `Coroutine "${this.#co.name}" was not through with this after ${this.#ns} ns.`
  }
}

/**
 * Runs `body` as part of this coroutine, for `ns` nanoseconds on `clock` at most: then it is cancelled, as by
 * `co.cancel()`, where it waits. Its `finally` blocks run, and may wait; what it returns nevertheless is returned. The timer
 * is one of `ctx`, and when that is closed `body` is cancelled as well.
 *
 *     yield* coTimeout(ctx, 1e9, mutex.lock())
 *
 * A body that does not wait is not interrupted, as nothing else is.
 *
 * @throws `ERR_AIO_TIMEOUT`; what `body` throws; `ERR_AIO_NO_COROUTINE`, `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`,
 *   `ERR_AIO_OUT_OF_RANGE`
 */
export function* coTimeout<T>(ctx: AioContext, ns: number, body: Co<T>, clock: Clock = realtime): Co<T> {
  requireCo(body)
  const deadline = new Deadline(requireSelf(), ctx, ns, clock)
  try {
    return yield* body
  } catch (error) {
    throw deadline.outside(error)
  } finally {
    deadline.end()
  }
}
