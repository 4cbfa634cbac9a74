import type { UringRequest } from './request.ts'

type Finish = (request: UringRequest, res: number, flags: number) => void

/**
 * Completions that were read off the ring and are not delivered yet, oldest first. A nested poll delivers what its
 * parent had not got to, and after a handler threw the next delivery goes on behind it (rules U2, X1).
 */
export class Completions {
  /** Those from `#next` to `#end` wait. Never shortened: an array that is emptied gives up its memory. */
  readonly #requests: (UringRequest | null)[] = []
  /** Two for each: result and flags. */
  readonly #results: number[] = []
  #next = 0
  #end = 0

  get isEmpty(): boolean {
    return this.#end === 0
  }

  add(request: UringRequest, res: number, flags: number): void {
    const at = this.#end++
    this.#requests[at] = request
    this.#results[2 * at] = res
    this.#results[2 * at + 1] = flags
  }

  /** Whose they are. */
  requests(): UringRequest[] {
    return this.#requests.slice(this.#next, this.#end) as UringRequest[]
  }

  /**
   * Calls `finish` for each. Returns whether there was any.
   *
   * @throws what `finish` throws; the rest is for the next call
   */
  deliver(finish: Finish): boolean {
    if (this.isEmpty) return false
    while (!this.isEmpty) {
      const at = this.#next++
      const request = this.#requests[at]!
      const res = this.#results[2 * at]!
      const flags = this.#results[2 * at + 1]!
      this.#requests[at] = null
      if (this.#next === this.#end) {
        this.#next = 0
        this.#end = 0
      }
      finish(request, res, flags)
    }
    return true
  }

  /**
   * The same, but goes on when `finish` throws.
   *
   * @throws the first error, at the end
   */
  deliverAll(finish: Finish): void {
    let failure: { error: unknown } | null = null
    while (!this.isEmpty) {
      try {
        this.deliver(finish)
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== null) throw failure.error
  }
}
