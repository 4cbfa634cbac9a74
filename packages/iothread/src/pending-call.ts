import { type Abortable, forgetAbort, listenForAbort } from '@aiokit/task'

/** A call whose caller waits. */
export class PendingCall implements Abortable {
  readonly id: number
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: (call: PendingCall) => void

  /** @param onAbort called when the caller has heard of it */
  constructor(
    id: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
    onAbort: (call: PendingCall) => void,
  ) {
    this.id = id
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#onAbort = onAbort
    if (signal !== undefined) listenForAbort(signal, this)
  }

  succeed(result: unknown): void {
    this.#forget()
    this.#resolve(result)
  }

  fail(error: unknown): void {
    this.#forget()
    this.#reject(error)
  }

  aborted(reason: unknown): void {
    this.#reject(reason)
    this.#onAbort(this)
  }

  #forget(): void {
    if (this.#signal !== undefined) forgetAbort(this.#signal, this)
  }
}
