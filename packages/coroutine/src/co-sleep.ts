import type { AioContext, Clock, Timer } from '@aiokit/aio'
import { aioError, requireNumber } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import { realtime } from '@aiokit/timers'
import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { type Home, homeOf, type Timed } from './home.ts'
import { requireSelf, wake } from './switch.ts'

/** A sleep that can be ended early. It keeps its timer, so that sleeping again allocates none. */
export class CoSleep {
  /** @internal */
  readonly link: ListLink<Timed> = new ListLink<Timed>(this)
  /** Until it is woken: then another may sleep here, also before this one has run. */
  #sleeper: Coroutine<unknown> | null = null
  #home: Home | null = null
  #timer: Timer | null = null
  #ctx: AioContext | null = null
  #clock: Clock | null = null;

  /**
   * Waits until `ns` nanoseconds have passed on `clock` (Infinity: for ever), or `wake()` is called. The timer is one of
   * `ctx`; the coroutine goes on in its own context.
   *
   * @throws `ERR_AIO_CO_SLEEPING` if a coroutine is in it; `ERR_AIO_NO_COROUTINE`, `ERR_AIO_CLOSED`,
   *   `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   */
  *sleep(ctx: AioContext, ns: number, clock: Clock = realtime): Co<void> {
    const co = requireSelf()
    const home = homeOf(ctx)
    if (this.#sleeper !== null) {
      throw aioError('ERR_AIO_CO_SLEEPING', 'Another coroutine sleeps in this CoSleep: make one for each.')
    }
    const timer = this.#timerOf(ctx, clock)
    arm(timer, clock, ns)
    this.#sleeper = co
    this.#home = home
    home.timed.insertTail(this.link)
    co.flags |= WAITING
    let through = false
    try {
      do yield
      while (this.#sleeper === co)
      through = true
    } finally {
      if (!through) {
        co.flags &= ~WAITING
        if (this.#sleeper === co) this.#end()
      }
    }
  }

  /** Ends the sleep now. False if nobody sleeps, or is awake already. From anywhere in the thread. */
  wake(): boolean {
    const co = this.#sleeper
    if (co === null) return false
    this.#end()
    wake(co)
    return true
  }

  /** @internal The timer will never fire. */
  contextClosed(error: Error): void {
    this.#sleeper?.abandonWait(error)
  }

  #end(): void {
    this.#sleeper = null
    this.#timer!.del()
    this.#home!.timed.safeRemove(this.link)
  }

  #timerOf(ctx: AioContext, clock: Clock): Timer {
    if (this.#timer === null || this.#ctx !== ctx || this.#clock !== clock) {
      this.#timer = ctx.createTimer(clock, () => void this.wake())
      this.#ctx = ctx
      this.#clock = clock
    }
    return this.#timer
  }
}

/**
 * Waits until `ns` nanoseconds have passed on `clock`. The timer is one of `ctx`; the coroutine goes on in its own context.
 * When `ctx` is closed the coroutine is cancelled with `ERR_AIO_CLOSED`.
 *
 * @throws as `CoSleep.sleep`
 */
export function* coSleep(ctx: AioContext, ns: number, clock: Clock = realtime): Co<void> {
  const co = requireSelf()
  co.sleep ??= new CoSleep()
  yield* co.sleep.sleep(ctx, ns, clock)
}

/** Arms `timer` to fire in `ns`; not at all for Infinity. */
export function arm(timer: Timer, clock: Clock, ns: number): void {
  requireNumber(ns, 'ns', 0, Number.POSITIVE_INFINITY)
  const expireNs = clock.now() + ns
  if (expireNs < Number.POSITIVE_INFINITY) timer.mod(expireNs)
}
