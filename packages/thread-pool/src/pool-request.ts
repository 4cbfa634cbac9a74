import type { Transferable } from 'node:worker_threads'
import type { NumberedTask } from './task-numbers.ts'

/** Who hears how a request ended. */
export type Done<R> = (error: Error | null, result?: R) => void

/** It is in the pool's list, because there is no slot. */
export const WAITING = -1
/** It has ended, or is about to. */
export const ENDED = -2

/** What a request asks of the pool. */
export interface RequestOwner {
  /** @returns false if it has begun */
  withdraw(request: PoolRequest): boolean
  waitFor(request: PoolRequest): void
}

/** A task that was submitted to a pool. */
export class PoolRequest {
  /** @internal */
  readonly task: NumberedTask
  /** @internal Null when it was called. */
  done: Done<unknown> | null
  /** @internal Where it is in shared memory, or WAITING or ENDED. */
  slot: number = WAITING
  /** @internal Its place in the queue. */
  place = 0
  /** @internal For as long as it was not written or sent. */
  argument: unknown
  /** @internal What of the argument is to be moved. */
  transfer: readonly Transferable[] | null = null
  /** @internal The argument is nobody else's. */
  copied = false
  /** @internal It was cancelled in time. */
  withdrawn = false
  /** @internal How it ended. */
  error: Error | null = null
  /** @internal */
  result: unknown
  /** @internal For pools that measure. */
  submittedNs = 0
  /** @internal What may cancel it. */
  signal: AbortSignal | null = null
  readonly #owner: RequestOwner

  /** @internal */
  constructor(owner: RequestOwner, task: NumberedTask, argument: unknown, done: Done<unknown>) {
    this.#owner = owner
    this.task = task
    this.argument = argument
    this.done = done
  }

  /** Whether its callback was called. */
  get ended(): boolean {
    return this.done === null
  }

  /**
   * If it has not begun it never will, and its callback hears ECANCELED in a following poll. One that has begun runs to
   * its end, and its callback hears the result (rule W4). Does not wait.
   *
   * @returns whether it was in time
   */
  cancelAsync(): boolean {
    return this.#owner.withdraw(this)
  }

  /**
   * As `cancelAsync()`, and waits until the callback was called, polling the pool's context (rule W4).
   *
   * @throws what callbacks throw that are called meanwhile
   */
  cancel(): boolean {
    const inTime = this.#owner.withdraw(this)
    this.#owner.waitFor(this)
    return inTime
  }

  /** @internal As `cancelAsync()`, and its callback hears `reason`. */
  aborted(reason: unknown): void {
    if (this.#owner.withdraw(this)) this.error = reason as Error
  }
}
