import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { requireSelf, wake } from './switch.ts'

/** What came of a promise. A coroutine that was interrupted meanwhile is not to be woken by it any more. */
class Outcome<T> {
  #waiter: Coroutine<unknown> | null
  #value: T | undefined
  #failure: { readonly error: unknown } | null = null

  constructor(waiter: Coroutine<unknown>, promise: T | PromiseLike<T>) {
    this.#waiter = waiter
    Promise.resolve(promise).then(
      (value) => {
        this.#value = value
        this.#wake()
      },
      (error: unknown) => {
        this.#failure = { error }
        this.#wake()
      },
    )
  }

  get isPending(): boolean {
    return this.#waiter !== null
  }

  abandon(): void {
    this.#waiter = null
  }

  get(): T {
    if (this.#failure !== null) throw this.#failure.error
    return this.#value as T
  }

  #wake(): void {
    const co = this.#waiter
    this.#waiter = null
    if (co !== null) wake(co)
  }
}

/**
 * `await` for coroutines: waits for `promise` and returns its value.
 *
 * It is Node that runs what a promise does, between two callbacks of its own loop: this works while the program is there,
 * with an attached or running context, or between polls of an async function. A `poll()` or `waitWhile()` alone runs no
 * promise, and waiting so for a coroutine that is in here never ends.
 *
 * @throws what the promise is rejected with; `ERR_AIO_NO_COROUTINE`
 */
export function* coAwait<T>(promise: T | PromiseLike<T>): Co<T> {
  const co = requireSelf()
  const outcome = new Outcome<T>(co, promise)
  co.flags |= WAITING
  let through = false
  try {
    do yield
    while (outcome.isPending)
    through = true
  } finally {
    if (!through) {
      co.flags &= ~WAITING
      outcome.abandon()
    }
  }
  return outcome.get()
}
