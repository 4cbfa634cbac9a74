import type { PoolRequest } from './pool-request.ts'

/** What follows from signals that abort: one listener for each signal, however many requests were given it. */
export class Aborts {
  readonly #aborted: (request: PoolRequest, reason: Error) => void
  readonly #requests: WeakMap<AbortSignal, Set<PoolRequest>> = new WeakMap<AbortSignal, Set<PoolRequest>>()

  /** @param aborted hears of each request whose signal aborts; `reason` is never null, though a signal's can be */
  constructor(aborted: (request: PoolRequest, reason: Error) => void) {
    this.#aborted = aborted
  }

  listen(request: PoolRequest, signal: AbortSignal): void {
    request.signal = signal
    const known = this.#requests.get(signal)
    if (known !== undefined) {
      known.add(request)
      return
    }
    const requests = new Set([request])
    this.#requests.set(signal, requests)
    signal.addEventListener(
      'abort',
      () => {
        const reason = signal.reason ?? new DOMException('This operation was aborted', 'AbortError')
        for (const one of requests) this.#aborted(one, reason)
      },
      { once: true },
    )
  }

  /** The request has ended. */
  forget(request: PoolRequest, signal: AbortSignal): void {
    this.#requests.get(signal)?.delete(request)
  }
}
