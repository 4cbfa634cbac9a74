import type { AioContext, BottomHalf } from '@aiokit/aio'
import { deferCallBegin, deferCallEnd } from '@aiokit/bottom-halves'
import { forgetAbort } from '@aiokit/task'
import { threadPoolComplete } from '@aiokit/trace'
import type { Done, PoolRequest } from './pool-request.ts'
import type { Requests } from './requests.ts'

/** Hears of each request. */
export interface Listener {
  /** Its callback is about to be called. */
  ended(): void
  /** It was called, and may have thrown. */
  told(): void
}

/** Calls back for the requests that have ended, and counts them. */
export class Outcomes {
  readonly #ctx: AioContext
  readonly #requests: Requests
  readonly #hear: Listener
  /** Tells what a callback that threw, or that polls, has left to tell. */
  readonly #rest: BottomHalf
  completed = 0
  failed = 0
  cancelled = 0

  constructor(ctx: AioContext, requests: Requests, hear: Listener) {
    this.#ctx = ctx
    this.#requests = requests
    this.#hear = hear
    this.#rest = ctx.createBottomHalf(() => this.tell(), { name: 'thread pool: tell' })
  }

  /** Has a following poll tell what there is. */
  schedule(): void {
    if (this.#requests.hasOutcomes) this.#rest.schedule()
  }

  /** Calls back for all that has ended. A callback may poll, and throw: then a following poll goes on. */
  tell(): void {
    const requests = this.#requests
    if (!requests.hasOutcomes) return
    this.#rest.schedule()
    deferCallBegin()
    try {
      for (let request = requests.nextOutcome(); request !== null; request = requests.nextOutcome()) {
        if (!requests.hasOutcomes) this.#rest.cancel()
        this.#tellOne(request)
      }
    } finally {
      deferCallEnd()
    }
  }

  delete(): void {
    this.#rest.delete()
  }

  #tellOne(request: PoolRequest): void {
    const { done, error, result } = request
    if (threadPoolComplete.hasSubscribers) threadPoolComplete.publish({ ctx: this.#ctx, request, error })
    this.#hear.ended()
    // A request that is kept keeps nothing.
    request.done = null
    request.error = null
    request.result = undefined
    if (request.signal !== null) forgetAbort(request.signal, request)
    if (request.withdrawn) this.cancelled++
    else if (error === null) this.completed++
    else this.failed++
    try {
      if (!(request.withdrawn && done === throwError)) done!(error, result)
    } finally {
      this.#hear.told()
    }
  }
}

/** Of a request that nobody waits for. */
export const throwError: Done<unknown> = (error) => {
  if (error !== null) throw error
}
