import type { AioContext, Clock, Timer } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import { realtime } from '@aiokit/timers'
import type { Co } from './co.ts'
import { arm } from './co-sleep.ts'
import type { Coroutine } from './coroutine.ts'
import { type Home, homeOf, type Timed } from './home.ts'
import { requireSelf } from './switch.ts'

class Deadline implements Timed {
  readonly link: ListLink<Timed> = new ListLink<Timed>(this)
  readonly #co: Coroutine<unknown>
  readonly #home: Home
  readonly #timer: Timer
  #error: Error | null = null

  constructor(co: Coroutine<unknown>, ctx: AioContext, ns: number, clock: Clock) {
    this.#co = co
    this.#home = homeOf(ctx)
    this.#timer = ctx.createTimer(clock, () =>
      this.#interrupt(
        aioError('ERR_AIO_TIMEOUT', `Coroutine "${co.name}" was not through with a step after ${ns} ns.`),
      ),
    )
    arm(this.#timer, clock, ns)
    this.#home.timed.insertTail(this.link)
  }

  contextClosed(error: Error): void {
    this.#interrupt(error)
  }

  end(): void {
    this.#timer.del()
    this.#home.timed.safeRemove(this.link)
    // It may have come too late to be thrown.
    if (this.#error !== null) this.#co.withdraw(this.#error)
  }

  #interrupt(error: Error): void {
    this.#error = error
    this.#co.interrupt(error)
  }
}

/**
 * Runs `body` as part of this coroutine, for `ns` nanoseconds on `clock` at most: then an error with the code
 * `ERR_AIO_TIMEOUT` is thrown where `body` waits. Its `finally` blocks run, and may wait; what it returns nevertheless is
 * returned. The timer is one of `ctx`, and when that is closed `body` is interrupted as well.
 *
 *     yield* coTimeout(ctx, 1e9, mutex.lock())
 *
 * A body that does not wait is not interrupted, as nothing else is.
 *
 * @throws what `body` throws; `ERR_AIO_NO_COROUTINE`, `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
 */
export function* coTimeout<T>(ctx: AioContext, ns: number, body: Co<T>, clock: Clock = realtime): Co<T> {
  const deadline = new Deadline(requireSelf(), ctx, ns, clock)
  try {
    return yield* body
  } finally {
    deadline.end()
  }
}
