import type { Histogram } from 'node:perf_hooks'

/** What a pool is doing and has done. */
export interface ThreadPoolStats {
  /** Threads there are. */
  readonly threads: number
  /** Requests that no thread has begun. */
  readonly waiting: number
  /** Requests submitted whose callback was not called yet. */
  readonly pending: number
  /** Requests that gave a result, that failed and that were cancelled so far. */
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** How long requests waited for a thread, and ran, in ns; null unless the pool measures. */
  readonly waitTime: Histogram | null
  readonly runTime: Histogram | null
}
