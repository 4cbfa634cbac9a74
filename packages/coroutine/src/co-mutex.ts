import { QTailQ } from '@aiokit/qlist'
import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { deadlock, notHeld } from './misuse.ts'
import { requireSelf, self, wakeGranted } from './switch.ts'

/**
 * One coroutine at a time. Those that wait get it in the order in which they came: `unlock()` hands it to the first, and
 * nobody comes in between (rule C3). It serves coroutines of all contexts of a thread.
 */
export class CoMutex {
  readonly #waiters: QTailQ<Coroutine<unknown>> = new QTailQ<Coroutine<unknown>>()
  #holder: Coroutine<unknown> | null = null

  get locked(): boolean {
    return this.#holder !== null
  }

  /** The coroutine that has it; null if none. It may have been given it and not have run since. */
  get holder(): Coroutine<unknown> | null {
    return this.#holder
  }

  /**
   * Waits until the mutex is free and takes it. Unlock it in a `finally` block.
   *
   * @throws `ERR_AIO_CO_DEADLOCK` if this coroutine holds it; `ERR_AIO_NO_COROUTINE`
   */
  *lock(): Co<void> {
    const co = requireSelf()
    if (this.#holder === null) this.#holder = co
    else if (this.#holder === co) {
      throw deadlock(
        `Coroutine "${co.name}" holds this mutex already and would wait for itself: unlock it first.`,
      )
    } else {
      this.#waiters.insertTail(co.waitLink)
      co.flags |= WAITING
      let through = false
      try {
        do yield
        while (co.waitLink.isInserted)
        through = true
      } finally {
        if (!through) this.#leave(co)
      }
    }
    co.locksHeld++
  }

  /**
   * Takes the mutex if it is free, and says whether.
   *
   * @throws `ERR_AIO_NO_COROUTINE`
   */
  tryLock(): boolean {
    const co = requireSelf()
    if (this.#holder !== null) return false
    this.#holder = co
    co.locksHeld++
    return true
  }

  /** @throws `ERR_AIO_CO_NOT_HELD` if the coroutine that runs, or code outside of any, does not hold it */
  unlock(): void {
    const co = this.#holder
    if (co === null || co !== self()) throw notHeld('This mutex')
    co.locksHeld--
    this.#handOn()
  }

  /** @internal */
  grantNext(): Coroutine<unknown> | null {
    if (this.#holder !== null) return null
    this.#holder = this.#waiters.removeHead()
    return this.#holder
  }

  #handOn(): void {
    this.#holder = null
    wakeGranted(this)
  }

  #leave(co: Coroutine<unknown>): void {
    co.flags &= ~WAITING
    if (co.waitLink.isInserted) this.#waiters.remove(co.waitLink)
    else this.#handOn()
  }
}
