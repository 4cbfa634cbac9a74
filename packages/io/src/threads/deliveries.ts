import type { AioContext, BottomHalf } from '@aiokit/aio'
import { deferCallBegin, deferCallEnd } from '@aiokit/bottom-halves'
import type { Operation } from '../operation.ts'
import { Fifo } from './fifo.ts'

/** Results that are known and not told yet: never from inside the call that asked, and by a nested poll if there is one. */
export class Deliveries {
  /**
   * Is scheduled when there is something to tell, and while a callback runs behind which there is more: for a nested
   * poll, and for after an error.
   */
  readonly #bottomHalf: BottomHalf
  readonly #operations: Fifo<Operation> = new Fifo<Operation>()

  constructor(ctx: AioContext) {
    this.#bottomHalf = ctx.createBottomHalf(() => this.deliver(), { name: 'aiokit:io' })
  }

  add(operation: Operation, res: number): void {
    operation.result = res
    this.#operations.push(operation)
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
      for (let left = this.#operations.length; left > 0; left--) {
        const operation = this.#operations.shift()
        // A nested poll has told the rest.
        if (operation === undefined) return
        if (this.#operations.length === 0) this.#bottomHalf.cancel()
        else this.#bottomHalf.schedule()
        operation.end(operation.result)
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
