/** Errors that are to be thrown at the yield of a coroutine, one each time: it was cancelled, or a deadline has passed. */
export class Interrupts {
  readonly #pending: unknown[] = []
  /** Those that were wanted: ending with one of them is no failure. */
  readonly #reasons: unknown[] = []
  #isForced = false

  /** Whether one is to be thrown now; they are kept back while it is shielded. */
  isDue(shielded: boolean): boolean {
    return this.#pending.length > 0 && (!shielded || this.#isForced)
  }

  add(error: unknown): void {
    this.#pending.push(error)
  }

  cancel(reason: unknown): void {
    this.#reasons.push(reason)
    this.#pending.push(reason)
  }

  /** Not kept back, because what it waits for will never come. */
  force(reason: unknown): void {
    this.#reasons.push(reason)
    this.#pending.unshift(reason)
    this.#isForced = true
  }

  /** The next one, to be thrown. */
  take(): unknown {
    this.#isForced = false
    return this.#pending.shift()
  }

  /** What was to be thrown need not be any more: what it was about has ended. */
  withdraw(error: unknown): void {
    const i = this.#pending.indexOf(error)
    if (i >= 0) this.#pending.splice(i, 1)
  }

  isWanted(error: unknown): boolean {
    return this.#reasons.includes(error)
  }
}
