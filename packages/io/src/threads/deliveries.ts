import type { AioContext, BottomHalf } from '@aiokit/aio'
import { deferCallBegin, deferCallEnd } from '@aiokit/bottom-halves'
import type { Operation } from '../operation.ts'

/** Results that are known and not told yet: never from inside the call that asked, and by a nested poll if there is one. */
export class Deliveries {
  /**
   * Is scheduled when there is something to tell, and while a callback runs behind which there is more: for a nested
   * poll, and for after an error.
   */
  readonly #bottomHalf: BottomHalf
  readonly #operations: Operation[] = []
  readonly #results: number[] = []
  #next = 0

  constructor(ctx: AioContext) {
    this.#bottomHalf = ctx.createBottomHalf(() => this.deliver(), { name: 'aiokit:io' })
  }

  add(operation: Operation, res: number): void {
    this.#operations.push(operation)
    this.#results.push(res)
    this.#bottomHalf.schedule()
  }

  /**
   * Tells what is known now, from a callback of the context's. What becomes known meanwhile is for the next time: a
   * callback that asks for more and gets it at once does not keep the rest of the loop from running.
   *
   * @throws what a callback throws; the rest comes later
   */
  deliver(): void {
    deferCallBegin()
    try {
      let left = this.#operations.length - this.#next
      while (left-- > 0 && this.#next < this.#operations.length) {
        const at = this.#next++
        const operation = this.#operations[at]!
        const res = this.#results[at]!
        if (this.#next === this.#operations.length) {
          this.#operations.length = 0
          this.#results.length = 0
          this.#next = 0
          this.#bottomHalf.cancel()
        } else {
          this.#bottomHalf.schedule()
        }
        operation.end(res)
      }
    } finally {
      deferCallEnd()
    }
  }

  /** Tells everything that is known now. @throws the first error of a callback, when all have been called */
  flush(): void {
    let failure: { error: unknown } | null = null
    while (this.#operations.length > 0) {
      try {
        this.deliver()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== null) throw failure.error
  }

  close(): void {
    this.#bottomHalf.delete()
  }
}
