import type { AioContext } from '@aiokit/aio'
import {
  aioError,
  aioTypeError,
  describe,
  requireFunction,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { ListLink, type QTailQ } from '@aiokit/qlist'
import { forgetAbort, listenForAbort, requireSignal } from '@aiokit/task'
import type { Co } from './co.ts'
import type { CoSleep } from './co-sleep.ts'
import { AWAKE, ENDED, ENDING, INTERRUPTED, QUEUED, REPORTING, RUNNING, SCHEDULED, WAITING } from './flags.ts'
import { type Home, homeOf } from './home.ts'
import { Interrupts } from './interrupts.ts'
import { cannotEnter, contextClosed, isCo, requireContext, yielded } from './misuse.ts'
import { isOverflow, requireRoom } from './stack.ts'
import { currentContext, isDeep, run, self, wake, wakeGranted } from './switch.ts'

/** In the place of something that was thrown, which can be anything. */
const NOTHING: unique symbol = Symbol('nothing')

export interface CoroutineOptions {
  /** Appears in errors. Default the name of the body. */
  name?: string
  /** Cancels it, as `cancel(signal.reason)` does: `promise` is rejected with that unless the body catches it. */
  signal?: AbortSignal
}

/**
 * A function that can stop in the middle and go on later: the body is a generator function, and waits with `yield*`.
 *
 * It belongs to the thread that made it. An error that leaves the body goes to whoever waits for the end: `coJoin`,
 * `promise`, `result`. If nobody does by the time the context's bottom halves run, it is thrown out of the poll there
 * (out of `close()` if there is no poll any more); without a context it becomes an `uncaughtException`. It never comes out
 * of `enter()` or `coWake()`, whose caller has its own work to finish (rule C4).
 */
export class Coroutine<T> {
  /** @internal See flags.ts. */
  flags = 0
  /** @internal */
  home: Home | null = null
  /** @internal In the line of those woken or of those scheduled: it is never in both. */
  next: Coroutine<unknown> | null = null
  /** @internal The run of the line that was the latest when it was scheduled. */
  epoch = 0
  /** @internal In the line of the one thing that it waits for, */
  readonly waitLink: ListLink<Coroutine<unknown>> = new ListLink<Coroutine<unknown>>(this)
  /** @internal and how much of it, or what for. */
  amount = 0
  /** @internal Mutexes and rwlocks that it holds. */
  locksHeld = 0
  /** @internal Above 0 errors for its yield are kept back. */
  shields = 0
  /** @internal For `coSleep`, kept with its timer. */
  sleep: CoSleep | null = null
  /** @internal Coroutines that wait for its end; the list is made for the first. */
  joiners: QTailQ<Coroutine<unknown>> | null = null

  readonly #body: () => Co<T>
  readonly #name: string | undefined
  readonly #signal: AbortSignal | undefined
  #generator: Co<T> | null = null
  #interrupts: Interrupts | null = null
  #value: T | undefined
  #failure: { readonly error: unknown; seen: boolean } | null = null
  /** What is to be thrown at its yield before it goes on, or what has left the body already. */
  #thrown: unknown = NOTHING
  #promise: Promise<T> | null = null
  #resolve: ((value: unknown) => void) | null = null
  #reject: ((error: unknown) => void) | null = null

  /**
   * Nothing of the body runs before `enter()`.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`; the reason of a signal that is aborted already
   */
  constructor(body: () => Co<T>, options: CoroutineOptions = {}) {
    this.#body = requireFunction(body, 'body')
    const { name, signal } = requireObject(options, 'options')
    this.#name = name === undefined ? undefined : requireString(name, 'options.name')
    this.#signal = signal === undefined ? undefined : requireSignal(signal)
    if (signal !== undefined) listenForAbort(signal, this)
  }

  get name(): string {
    if (this.#name !== undefined) return this.#name
    // Not before it is needed: of a function just made it takes longer than everything else here. It can be anything.
    const { name } = this.#body as { name: unknown }
    return typeof name === 'string' && name !== '' ? name : 'anonymous'
  }

  /**
   * The coroutine whose code is running; null outside of any. What a nested poll calls is outside: `ctx.poll()` in a body
   * runs callbacks that are not part of that body.
   */
  static get self(): Coroutine<unknown> | null {
    return self()
  }

  /** The context it was entered on last, which wakes it: see `enter`. Null before that, or if there was none. */
  get ctx(): AioContext | null {
    return this.home === null ? null : this.home.ctx
  }

  /** True when the body has returned or thrown. `ctx.waitWhile(() => !co.done)` waits for that in synchronous code. */
  get done(): boolean {
    return (this.flags & ENDED) !== 0
  }

  /**
   * What the body returned.
   *
   * @throws what the body threw; `ERR_AIO_CO_NOT_DONE` before the end
   */
  get result(): T {
    if (!this.done) {
      throw aioError(
        'ERR_AIO_CO_NOT_DONE',
        `Coroutine "${this.name}" has not ended: wait for it with yield* coJoin(co), or with ctx.waitWhile(() => !co.done).`,
      )
    }
    if (this.#failure !== null) {
      this.#failure.seen = true
      throw this.#failure.error
    }
    return this.#value as T
  }

  /** What comes of it, for attached and running loops; made when it is first asked for. A plain `poll()` runs no `await`. */
  get promise(): Promise<T> {
    if (this.#promise === null) {
      this.#promise = new Promise<T>((resolve, reject) => {
        this.#resolve = resolve as (value: unknown) => void
        this.#reject = reject
      })
      if (this.done) this.#settle()
    }
    return this.#promise
  }

  /**
   * Runs the body until it yields or ends, now. Returns as soon as it does, and all that it has woken has, too.
   *
   * @param ctx where it lives from now on; default the current context, that of the calling coroutine, or the one it had.
   *   Without any it runs wherever it is woken.
   * @throws `ERR_AIO_CO_RUNNING`, `ERR_AIO_CO_SCHEDULED`, `ERR_AIO_CO_WAITING`, `ERR_AIO_CO_ENDED`: it can be entered once
   *   for each time it has yielded, by whom it yielded for (rule C1). `ERR_AIO_CO_TOO_DEEP` if so many have entered one
   *   another that the stack is nearly full, some 1,400; nothing has happened then. `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`
   */
  enter(ctx?: AioContext): void {
    if (isDeep()) requireRoom(this)
    if (!this.claim()) return
    const context = ctx === undefined ? currentContext() : requireContext(ctx)
    if (context === null) {
      if (this.home?.closed) this.leaveClosed()
    } else if (this.home === null || this.home.ctx !== context || this.home.closed)
      this.home = homeOf(context)
    run(this)
  }

  /**
   * Ends its waiting: `reason` is thrown at the `yield*` where it is or comes to next, so that `finally` blocks run and
   * locks are handed on. The body may catch it and go on. Before the first `enter()` it ends at once; after the end this
   * does nothing. When it ends with `reason`, nobody needs to wait for that.
   *
   * @param reason default an error with the code `ERR_AIO_CANCELED`
   */
  cancel(reason?: unknown): void {
    if (this.done) return
    this.#interrupts ??= new Interrupts()
    this.#interrupts.cancel(reason ?? aioError('ERR_AIO_CANCELED', `Coroutine "${this.name}" was cancelled.`))
    if (this.#generator !== null || this.flags & AWAKE) this.#awaken()
    else {
      this.#failure = { error: this.#interrupts.take(), seen: false }
      this.flags = ENDED | ENDING
      this.#finish()
    }
  }

  /** @internal */
  aborted(reason: unknown): void {
    this.cancel(reason)
  }

  /**
   * @internal Takes the right to make it go on. False if it goes on anyway, to be interrupted.
   * @throws `ERR_AIO_CO_...`
   */
  claim(): boolean {
    if (this.flags === 0) return true
    if ((this.flags & (INTERRUPTED | WAITING)) !== INTERRUPTED) throw cannotEnter(this)
    this.flags &= ~INTERRUPTED
    return false
  }

  /** @internal Throws `error` at its yield, also if it has been given what it waits for and not run since. */
  interrupt(error: unknown): void {
    this.#interrupts ??= new Interrupts()
    this.#interrupts.add(error)
    this.#awaken()
  }

  /** @internal What it waits for will never come: it is cancelled even if it is shielded. */
  abandonWait(reason: Error): void {
    this.#interrupts ??= new Interrupts()
    this.#interrupts.force(reason)
    this.#awaken()
  }

  /** @internal What was to be thrown need not be any more: what it was about has ended. */
  withdraw(error: unknown): void {
    this.#interrupts?.withdraw(error)
  }

  /** @internal It goes on without its context, which is closed, to be told so. */
  leaveClosed(): void {
    const error = contextClosed(this.home!.ctx)
    this.home = null
    this.#interrupts ??= new Interrupts()
    this.#interrupts.cancel(error)
  }

  /**
   * @internal Called by `run` only.
   * @throws RangeError if the stack is full, and then what is left is done by another call where there is room
   */
  resume(): void {
    this.next = null
    if (this.flags & ENDING) this.#finish()
    if (this.flags & (RUNNING | ENDED)) return
    this.flags = RUNNING
    const thrown = this.#thrown
    try {
      let step =
        thrown !== NOTHING
          ? this.#throw(thrown)
          : this.#interrupted
            ? this.#throw(this.#interrupts!.take())
            : this.#start().next()
      while (!step.done) {
        if (step.value !== undefined) step = this.#throw(yielded(this, step.value))
        // One that has scheduled itself is interrupted when that has brought it here.
        else if (this.#interrupted && !(this.flags & SCHEDULED)) step = this.#throw(this.#interrupts!.take())
        else {
          this.flags &= ~RUNNING
          this.#thrown = NOTHING
          return
        }
      }
      this.#value = step.value
    } catch (error) {
      // Before anything is called: a stack that is full ends the call.
      this.#thrown = error
      this.flags = QUEUED | (this.flags & SCHEDULED)
      // Perhaps the body never heard of it, because it could not be called.
      if (thrown === NOTHING && isOverflow(error)) throw error
      this.#failure = { error, seen: false }
    }
    this.flags = ENDED | ENDING | (this.flags & SCHEDULED)
    this.#finish()
  }

  /** @internal The next coroutine that waits for the end. */
  grantNext(): Coroutine<unknown> | null {
    return this.joiners === null ? null : this.joiners.removeHead()
  }

  /** @internal For the bottom half that reports it. */
  throwUnlessSeen(): void {
    if (this.#failure !== null && !this.#failure.seen) {
      this.#failure.seen = true
      throw this.#failure.error
    }
  }

  /** @internal Its error, if it has ended with one that it was not cancelled with. */
  throwIfFailed(): void {
    if (this.#failure !== null && !this.#isWanted(this.#failure.error)) throw this.#failure.error
  }

  #isWanted(error: unknown): boolean {
    return this.#interrupts?.isWanted(error) === true
  }

  get #interrupted(): boolean {
    return this.#interrupts?.isDue(this.shields > 0) === true
  }

  #awaken(): void {
    if (this.flags & AWAKE || !this.#interrupted) return
    this.flags |= INTERRUPTED
    wake(this)
  }

  #start(): Co<T> {
    if (this.#generator !== null) return this.#generator
    const generator = this.#body()
    if (!isCo(generator)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `The body of coroutine "${this.name}" must be a generator function (function* or a function that returns a Co). It returned ${describe(generator)}.`,
      )
    }
    this.#generator = generator
    return generator
  }

  #throw(error: unknown): IteratorResult<unknown, T> {
    if (this.#generator === null) throw error
    return this.#generator.throw(error)
  }

  /** What is to be done when it has ended; again, if the stack was full. */
  #finish(): void {
    if (this.#failure === null && this.locksHeld > 0) {
      const error = aioError(
        'ERR_AIO_CO_LOCKS_HELD',
        `Coroutine "${this.name}" has ended with ${this.locksHeld} locks held, which stay locked: unlock them in a finally block.`,
      )
      this.#failure = { error, seen: false }
    }
    const failure = this.#failure
    if (failure !== null && !failure.seen)
      failure.seen =
        this.#promise !== null || this.joiners?.isEmpty === false || this.#isWanted(failure.error)
    // Its variables are not needed any more, however long this is kept for its result.
    this.#generator = null
    this.#thrown = NOTHING
    this.sleep = null
    if (this.#signal !== undefined) forgetAbort(this.#signal, this)
    this.#settle()
    wakeGranted(this)
    if (failure !== null && !failure.seen) {
      if (this.home === null || this.home.closed) process.nextTick(() => this.throwUnlessSeen())
      else if (!(this.flags & REPORTING)) this.home.report(this)
    }
    this.flags &= ~ENDING
  }

  #settle(): void {
    if (this.#resolve === null) return
    if (this.#failure === null) this.#resolve(this.#value)
    else {
      this.#failure.seen = true
      this.#reject!(this.#failure.error)
    }
  }
}
