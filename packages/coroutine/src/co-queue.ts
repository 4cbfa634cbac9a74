import { aioTypeError, describe } from '@aiokit/errors'
import { QTailQ } from '@aiokit/qlist'
import type { Co } from './co.ts'
import { CoMutex } from './co-mutex.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { notHeld } from './misuse.ts'
import { requireSelf, wakeGranted } from './switch.ts'

/**
 * Coroutines that wait for something to be true, first come, first woken: a condition variable (rule C3). Whoever is woken
 * looks at the condition again, since others may have run before: `while (!ready) yield* queue.wait(mutex)`.
 */
export class CoQueue {
  readonly #waiters: QTailQ<Coroutine<unknown>> = new QTailQ<Coroutine<unknown>>()
  /** How many may still be woken. */
  #calls = 0

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#waiters.isEmpty
  }

  /**
   * Waits until `next` or `restartAll` wakes it. A `mutex` is unlocked meanwhile and locked again afterwards, also when
   * the waiting is cut short. One that was woken and is cut short before it could run wakes the next.
   *
   * @throws `ERR_AIO_CO_NOT_HELD` if this coroutine does not hold `mutex`; `ERR_AIO_NO_COROUTINE`, `ERR_AIO_INVALID_ARG_TYPE`
   */
  *wait(mutex?: CoMutex): Co<void> {
    const co = requireSelf()
    if (mutex !== undefined) {
      if (!(mutex instanceof CoMutex)) {
        throw aioTypeError(
          'ERR_AIO_INVALID_ARG_TYPE',
          `"mutex" must be a CoMutex. Received ${describe(mutex)}.`,
        )
      }
      if (mutex.holder !== co) throw notHeld('The mutex to wait with')
    }
    this.#waiters.insertTail(co.waitLink)
    co.flags |= WAITING
    mutex?.unlock()
    let through = false
    try {
      do yield
      while (co.waitLink.isInserted)
      through = true
    } finally {
      if (!through) this.#leave(co)
      if (mutex !== undefined) {
        // The caller unlocks it in any case.
        co.shields++
        try {
          yield* mutex.lock()
        } finally {
          co.shields--
        }
      }
    }
  }

  /** Wakes the one that has waited longest; false if there is none. From anywhere in the thread. */
  next(): boolean {
    if (this.#waiters.isEmpty) return false
    this.#wake(1)
    return true
  }

  /** Wakes all that wait now, in order. */
  restartAll(): void {
    this.#wake(Number.POSITIVE_INFINITY)
  }

  /** @internal */
  grantNext(): Coroutine<unknown> | null {
    return this.#calls-- > 0 ? this.#waiters.removeHead() : null
  }

  #wake(calls: number): void {
    this.#calls = calls
    wakeGranted(this)
  }

  #leave(co: Coroutine<unknown>): void {
    co.flags &= ~WAITING
    if (co.waitLink.isInserted) this.#waiters.remove(co.waitLink)
    else this.next()
  }
}
