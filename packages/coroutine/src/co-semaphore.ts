import { aioRangeError, requireInteger } from '@aiokit/errors'
import { QTailQ } from '@aiokit/qlist'
import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { requireSelf, wakeGranted } from './switch.ts'

/**
 * So many of something: requests in flight, bytes of a budget. Those that wait get theirs in the order in which they came,
 * so that one who wants much is not passed by those who want little (rule C3).
 */
export class CoSemaphore {
  readonly #waiters: QTailQ<Coroutine<unknown>> = new QTailQ<Coroutine<unknown>>()
  #available: number

  /** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` */
  constructor(available: number) {
    this.#available = requireInteger(available, 'available', 0)
  }

  /** How many nobody has. */
  get available(): number {
    return this.#available
  }

  /**
   * Waits until there are `count`, takes them.
   *
   * @throws `ERR_AIO_NO_COROUTINE`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   */
  *acquire(count = 1): Co<void> {
    requireInteger(count, 'count', 1)
    const co = requireSelf()
    if (this.#waiters.isEmpty && count <= this.#available) {
      this.#available -= count
      return
    }
    this.#waiters.insertTail(co.waitLink)
    co.amount = count
    co.flags |= WAITING
    let through = false
    try {
      do yield
      while (co.waitLink.isInserted)
      through = true
    } finally {
      if (!through) this.#leave(co, count)
    }
  }

  /**
   * Takes `count` if they are there and nobody waits, and says whether. From anywhere in the thread.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   */
  tryAcquire(count = 1): boolean {
    requireInteger(count, 'count', 1)
    if (!this.#waiters.isEmpty || count > this.#available) return false
    this.#available -= count
    return true
  }

  /**
   * Gives back `count`, or adds them. From anywhere in the thread.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_OUT_OF_RANGE`, also if there would be more than 2^53 - 1
   */
  release(count = 1): void {
    requireInteger(count, 'count', 1)
    const available = this.#available + count
    if (!Number.isSafeInteger(available)) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"count" is too large: ${this.#available} are available, and with ${count} more they could not be counted.`,
      )
    }
    this.#available = available
    wakeGranted(this)
  }

  /** @internal */
  grantNext(): Coroutine<unknown> | null {
    const co = this.#waiters.first
    if (co === null || co.amount > this.#available) return null
    this.#available -= co.amount
    this.#waiters.remove(co.waitLink)
    return co
  }

  #leave(co: Coroutine<unknown>, count: number): void {
    co.flags &= ~WAITING
    if (co.waitLink.isInserted) {
      this.#waiters.remove(co.waitLink)
      // Those behind may want less.
      wakeGranted(this)
    } else this.release(count)
  }
}
