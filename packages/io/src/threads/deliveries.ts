import type { AioContext, BottomHalf } from '@aiokit/aio'
import { deferCallBegin, deferCallEnd } from '@aiokit/bottom-halves'
import type { Operation } from '../operation.ts'

/**
 * Results that are known, to be told from a bottom half: never from inside the call that asked, and by a nested poll if
 * a callback makes one.
 */
export class Deliveries {
  readonly #bottomHalf: BottomHalf
  /** Is scheduled while a callback runs behind which there are others: for a nested poll, and for after an error. */
  readonly #rest: BottomHalf
  readonly #operations: Operation[] = []
  readonly #results: number[] = []
  #next = 0

  /** @param collect is called first: it adds what has come since */
  constructor(ctx: AioContext, collect: () => void) {
    this.#bottomHalf = ctx.createBottomHalf(
      () => {
        collect()
        this.#deliver()
      },
      { name: 'aiokit:io' },
    )
    this.#rest = ctx.createBottomHalf(() => this.#deliver(), { name: 'aiokit:io rest' })
  }

  /** There may be something to collect. */
  schedule(): void {
    this.#bottomHalf.schedule()
  }

  add(operation: Operation, res: number): void {
    this.#operations.push(operation)
    this.#results.push(res)
    this.#bottomHalf.schedule()
  }

  /** Tells everything that is known now. @throws the first error of a callback, when all have been called */
  flush(): void {
    let failure: { error: unknown } | null = null
    while (this.#operations.length > 0) {
      try {
        this.#deliver()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== null) throw failure.error
  }

  close(): void {
    this.#bottomHalf.delete()
    this.#rest.delete()
  }

  #deliver(): void {
    deferCallBegin()
    try {
      while (this.#next < this.#operations.length) {
        const at = this.#next++
        const operation = this.#operations[at]!
        const res = this.#results[at]!
        if (this.#next === this.#operations.length) {
          this.#operations.length = 0
          this.#results.length = 0
          this.#next = 0
          this.#rest.cancel()
        } else {
          this.#rest.schedule()
        }
        operation.end(res)
      }
    } finally {
      deferCallEnd()
    }
  }
}
