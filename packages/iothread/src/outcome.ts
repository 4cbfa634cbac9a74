/** What comes of something, as a promise for those who ask; an error that nobody has asked for is no unhandled rejection. */
export class Outcome {
  #promise: Promise<void> | null = null
  #settle: { resolve(): void; reject(error: unknown): void } | null = null
  #result: { readonly error: unknown } | null = null

  /** Whether anybody has asked. */
  get isAwaited(): boolean {
    return this.#promise !== null
  }

  get isSettled(): boolean {
    return this.#result !== null
  }

  get promise(): Promise<void> {
    if (this.#promise === null) {
      this.#promise = new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject }
      })
      this.#tell()
    }
    return this.#promise
  }

  /** The first call counts. @param error null if all is well */
  settle(error: unknown): void {
    if (this.#result !== null) return
    this.#result = { error }
    this.#tell()
  }

  #tell(): void {
    if (this.#settle === null || this.#result === null) return
    if (this.#result.error === null) this.#settle.resolve()
    else this.#settle.reject(this.#result.error)
  }
}
