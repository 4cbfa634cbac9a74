import { aioError } from '@aiokit/errors'
import { type Abortable, forgetAbort, listenForAbort, requireSignal } from '@aiokit/task'
import type { AioContext } from './aio-context.ts'

export interface FeedOptions {
  /** Ends it: what waits is rejected with the signal's reason, an AbortError unless another was given. */
  signal?: AbortSignal
}

/**
 * What comes again and again, to be walked by `for await`. Nothing is begun before somebody waits for the first; leaving the
 * loop lets go of everything, and so does `await using`. Several may wait at once: who came first is served first.
 */
export interface AsyncFeed<T> extends AsyncIterableIterator<T, void>, AsyncDisposable {
  next(): Promise<IteratorResult<T, void>>
  /** Ends it, and waits until everything is let go of. What waits gets `done`. */
  return(): Promise<IteratorReturnResult<void>>
  /** As `return()`, and rejects with `error`. */
  throw(error: unknown): Promise<IteratorResult<T, void>>
  [Symbol.asyncIterator](): AsyncFeed<T>
}

/** Where the values of a feed come from. */
export interface FeedSource<T> {
  /** Somebody waits: one value is to be given for it, now or later, if there is any. Values may also come unasked. */
  want(): void
  /** It is over. To let go of everything; it has ended when what is returned has. */
  close(): Promise<void> | undefined
  /** Nobody will take this value. */
  drop?(value: T): void
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, void>): void
  reject(error: unknown): void
}

/** An `AsyncFeed` of what callbacks of a context bring: the side of those who bring it. */
export class Feed<T> implements AsyncFeed<T>, Abortable {
  readonly #source: FeedSource<T>
  readonly #signal: AbortSignal | undefined
  readonly #forgetContext: () => void
  readonly #waiting: Waiting<T>[] = []
  readonly #values: T[] = []
  #isWanted = false
  #failure: { readonly error: unknown } | null = null
  #isOver = false
  /** Settles when everything is let go of. */
  #ending: Promise<void> | null = null

  /** @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`; the reason of a signal that is aborted already */
  constructor(ctx: AioContext, source: FeedSource<T>, { signal }: FeedOptions) {
    this.#source = source
    this.#signal = requireSignal(signal)
    this.#forgetContext = ctx.onClose(() => {
      const error = aioError(
        'ERR_AIO_CLOSED',
        `Context "${ctx.name}" was closed, and nothing more will come.`,
      )
      this.#dropAll()
      this.fail(error)
    })
    if (signal !== undefined) listenForAbort(signal, this)
  }

  /** Whether somebody waits for a value. */
  get isWanted(): boolean {
    return !this.#isOver && this.#waiting.length > 0
  }

  /** How many values nobody has taken yet. */
  get kept(): number {
    return this.#values.length
  }

  give(value: T): void {
    this.#isWanted = false
    if (this.#isOver) {
      this.#source.drop?.(value)
      return
    }
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#values.push(value)
    else waiting.resolve({ value, done: false })
    if (this.#waiting.length > 0) this.#want()
  }

  /** There is no more; what was given is still to be taken. */
  end(): void {
    void this.#end(null)
  }

  /** The same, and then the first who asks for more gets `error`. */
  fail(error: unknown): void {
    void this.#end({ error })
  }

  aborted(reason: unknown): void {
    this.#dropAll()
    this.fail(reason)
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#values.length > 0) return Promise.resolve({ value: this.#values.shift()!, done: false })
    if (this.#ending !== null) return this.#ending.then(() => this.#last())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#want()
    })
  }

  async return(): Promise<IteratorReturnResult<void>> {
    this.#dropAll()
    await this.#end(null)
    this.#failure = null
    return { value: undefined, done: true }
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #want(): void {
    if (this.#isWanted) return
    this.#isWanted = true
    try {
      this.#source.want()
    } catch (error) {
      this.fail(error)
    }
  }

  #dropAll(): void {
    for (const value of this.#values.splice(0)) this.#source.drop?.(value)
  }

  async #end(failure: { readonly error: unknown } | null): Promise<void> {
    if (!this.#isOver) this.#ending = this.#letGo(failure)
    await this.#ending
  }

  async #letGo(failure: { readonly error: unknown } | null): Promise<void> {
    this.#isOver = true
    this.#failure = failure
    this.#forgetContext()
    if (this.#signal !== undefined) forgetAbort(this.#signal, this)
    try {
      await this.#source.close()
    } catch (error) {
      this.#failure ??= { error }
    }
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      try {
        resolve(this.#last())
      } catch (error) {
        reject(error)
      }
    }
  }

  /** @throws what it has failed with, once */
  #last(): IteratorReturnResult<void> {
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure.error
    return { value: undefined, done: true }
  }
}
