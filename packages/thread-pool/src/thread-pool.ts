import { EventEmitter } from 'node:events'
import { AioContext, type BottomHalf } from '@aiokit/aio'
import type { Co } from '@aiokit/coroutine'
import { aioError, aioTypeError, describe, requireFunction, requireObject } from '@aiokit/errors'
import { checkTaskOptions, listenForAbort, type Task, type TaskOptions } from '@aiokit/task'
import { threadPoolSubmit } from '@aiokit/trace'
import { coRequest } from './co-request.ts'
import { Outcomes, throwError } from './outcomes.ts'
import { PoolMemory } from './pool-memory.ts'
import {
  type CheckedOptions,
  checkOptions,
  checkParams,
  type PoolParams,
  type ThreadPoolOptions,
} from './pool-options.ts'
import { type Done, PoolRequest } from './pool-request.ts'
import type { ThreadPoolStats } from './pool-stats.ts'
import { Requests } from './requests.ts'
import { RunTimes } from './run-times.ts'
import { Spin } from './spin.ts'
import { Staffing } from './staffing.ts'
import { TaskNumbers } from './task-numbers.ts'
import { ThreadStates } from './thread-states.ts'
import { Threads } from './threads.ts'

export interface SubmitOptions extends TaskOptions {
  /** Cancels the request if it has not begun; the error is the signal's reason. */
  signal?: AbortSignal
}

/** How often the pool looks for more results when it has told some, at least: some 1 us, in which a thread can answer. */
const LEAST_LOOKS = 128

/**
 * Runs tasks, functions of modules, on worker threads, for a context that hears of their ends in its polls.
 *
 * Arguments and results that are numbers or small plain values go through shared memory, so that a task costs less than
 * a microsecond where there are many; the rest is cloned and sent by message. Threads are started as they are needed,
 * and leave when they have nothing to do for long (rules W1 to W9).
 *
 * It emits `drain` when nothing waits any more after `maxQueue` was reached. Belongs to its context's thread.
 */
export class ThreadPool extends EventEmitter<{ drain: [] }> implements AsyncDisposable {
  readonly #ctx: AioContext
  readonly #memory: PoolMemory = new PoolMemory()
  readonly #options: CheckedOptions
  readonly #tasks: TaskNumbers = new TaskNumbers((task) => this.#memory.names.write(task))
  readonly #threads: Threads
  readonly #requests: Requests
  readonly #outcomes: Outcomes
  readonly #staffing: Staffing
  readonly #times: RunTimes | null
  /** Takes what was finished while the last of it was told. */
  readonly #more: BottomHalf
  readonly #spin: Spin = new Spin(LEAST_LOOKS)
  readonly #forgetContext: () => void
  #wasFull = false
  #closing = false

  /**
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`; `ERR_AIO_CLOSED` if the context is closed
   */
  constructor(ctx: AioContext, options: ThreadPoolOptions = {}) {
    super()
    if (!(ctx instanceof AioContext)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"ctx" must be an AioContext. Received ${describe(ctx)}.`,
      )
    }
    this.#ctx = ctx
    this.#options = checkOptions(options)
    const { min, max, idleTimeoutMs, measure, thread } = this.#options
    const memory = this.#memory
    const states = new ThreadStates(memory)
    states.minThreads = min
    states.idleMs = idleTimeoutMs
    this.#times = measure ? new RunTimes() : null
    this.#threads = new Threads(
      ctx,
      memory,
      states,
      { ...thread, measure },
      { finished: () => this.#collect(), ended: (ended, expected) => this.#staffing.ended(ended, expected) },
    )
    const threads = this.#threads
    const mail = { receive: (number: number, slot: number) => threads.get(number)!.receive(slot) }
    this.#requests = new Requests(ctx, memory, mail, this.#times)
    this.#outcomes = new Outcomes(ctx, this.#requests, {
      ended: () => this.#noteEnd(),
      told: () => this.#drain(),
    })
    this.#staffing = new Staffing(ctx, memory, states, threads, this.#requests, this.#outcomes, max)
    this.#more = ctx.createBottomHalf(() => this.#collect(), { name: 'thread pool: more' })
    this.#forgetContext = ctx.onClose(() => this.close())
  }

  /**
   * Runs `task` with `argument` in a thread. The promise settles from a poll of the context, so the program must return
   * to Node's loop for it to be seen: in synchronous code use `submitAio`.
   *
   * The argument is as it was when this is called. The result, or the error with its stack, code and cause, is as the
   * task's thread had it. Rejects with ECANCELED, or the signal's reason, if it was cancelled; `ERR_AIO_THREAD_DIED` if
   * its thread ended; `ERR_AIO_TASK_MODULE`, `ERR_AIO_NO_TASK`.
   *
   * @throws (rejects with) `ERR_AIO_POOL_FULL`, `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`; DataCloneError
   */
  submit<A, R>(task: Task<A, R>, argument: A, options: SubmitOptions = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      const done: Done<R> = (error, result) => (error === null ? resolve(result as R) : reject(error))
      this.#submit(task, argument, done as Done<unknown>, options)
    })
  }

  /**
   * As `submit`, and calls `done` in a following poll. Requests begin in the order in which they were submitted (W3).
   *
   * @returns the request, to cancel it
   * @throws `ERR_AIO_POOL_FULL` if `maxQueue` requests wait; `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`;
   *   DataCloneError; the reason of a signal that is aborted already
   */
  submitAio<A, R>(task: Task<A, R>, argument: A, done: Done<R>, options: SubmitOptions = {}): PoolRequest {
    requireFunction(done, 'done')
    return this.#submit(task, argument, done as Done<unknown>, options)
  }

  /**
   * As `submit`, for a coroutine: `const result = yield* pool.submitCo(task, argument)`. If the coroutine is cancelled
   * meanwhile, so is the request, as far as it can be.
   *
   * @throws as `submitAio`, and what the task threw; `ERR_AIO_CO_NOT_INSIDE` outside a coroutine
   */
  *submitCo<A, R>(task: Task<A, R>, argument: A, options: SubmitOptions = {}): Co<R> {
    return yield* coRequest((done: Done<R>) => this.submitAio(task, argument, done, options))
  }

  /**
   * Runs `task` and leaves it at that; what it gives is dropped. An error has nobody to go to and leaves the poll.
   *
   * @throws as `submitAio`
   */
  submitImmediate<A>(task: Task<A>, argument: A, options: SubmitOptions = {}): void {
    this.#submit(task, argument, throwError, options)
  }

  /**
   * Changes how many threads there are. Threads that are too many go when they have finished what they are at (W2).
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_CLOSED`
   */
  setParams(params: PoolParams): void {
    this.#requireOpen()
    const given = requireObject(params, 'params')
    const { min, max } = checkParams(given, 'params.', this.#staffing)
    this.#staffing.setParams(min, max)
  }

  /** What the pool is doing and has done; a new object for each call. */
  stats(): ThreadPoolStats {
    return {
      threads: this.#threads.count,
      waiting: this.#requests.waiting,
      pending: this.#requests.pending,
      completed: this.#outcomes.completed,
      failed: this.#outcomes.failed,
      cancelled: this.#outcomes.cancelled,
      waitTime: this.#times?.wait ?? null,
      runTime: this.#times?.run ?? null,
    }
  }

  /**
   * Cancels what waits, waits for what runs, and ends all threads, polling the context (rule W9). Called by the context's
   * `close()` if not before. May be called twice.
   *
   * @throws what callbacks throw that are called meanwhile, when all is done
   */
  close(): void {
    this.#close(false)
  }

  /**
   * As `close()`, but does not wait for what runs: its threads are ended by force, wherever they are, and its requests
   * fail with `ERR_AIO_THREAD_DIED`. For tasks that do not end.
   *
   * @throws as `close()`
   */
  terminate(): void {
    this.#close(true)
  }
  /** `close()`, and waits until Node has noticed the end of the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.#staffing.exited()
  }

  /** @internal */
  withdraw(request: PoolRequest): boolean {
    const inTime = this.#requests.withdraw(request)
    if (inTime) this.#outcomes.schedule()
    if (this.#requests.takeRefilled()) this.#staffing.wake()
    return inTime
  }

  /** @internal */
  waitFor(request: PoolRequest): void {
    this.#ctx.waitWhile(() => request.done !== null)
  }

  #close(force: boolean): void {
    if (force) for (const thread of this.#threads) thread.terminate()
    if (this.#closing) return
    this.#closing = true
    this.#forgetContext()
    this.#staffing.close()
    this.#requests.withdrawAll()
    // Nothing is queued any more, and nothing will be: what has not started by now does nothing.
    if (force) this.#threads.giveUpStarting()
    this.#outcomes.schedule()
    let failure: { error: unknown } | null = null
    const waitWhile = (condition: () => boolean): void => {
      while (condition()) {
        try {
          this.#ctx.poll(true)
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    waitWhile(() => this.#requests.pending > 0)
    this.#threads.dismissAll()
    waitWhile(() => this.#threads.count > 0)
    this.#threads.close()
    this.#more.delete()
    this.#outcomes.delete()
    if (failure !== null) throw (failure as { error: unknown }).error
  }

  #submit(task: Task<never>, argument: unknown, done: Done<unknown>, options: SubmitOptions): PoolRequest {
    this.#requireOpen()
    const numbered = this.#tasks.numbered(task as Task)
    const requests = this.#requests
    const { maxQueue } = this.#options
    // Looked at only if there is a limit: threads write what it is counted by.
    if (maxQueue !== Number.POSITIVE_INFINITY && requests.waiting >= maxQueue) {
      this.#wasFull = true
      throw aioError(
        'ERR_AIO_POOL_FULL',
        `${maxQueue} requests wait, which is this pool's "maxQueue": submit more after its event "drain".`,
      )
    }
    const { signal, transfer } = checkTaskOptions(options)
    const request = new PoolRequest(this, numbered, argument, done)
    if (transfer !== undefined && transfer.length > 0) request.transfer = transfer
    requests.add(request)
    if (threadPoolSubmit.hasSubscribers) threadPoolSubmit.publish({ ctx: this.#ctx, request, task: numbered })
    // A process that the context is attached to lives until it is told.
    this.#ctx.beginWork()
    if (requests.pending === 1) this.#threads.watchStart()
    if (signal !== undefined) {
      request.signal = signal
      listenForAbort(signal, request)
    }
    this.#staffing.wake()
    return request
  }

  /** Threads have something for us. */
  #collect(): void {
    this.#threads.attend(this.#requestAt)
    if (this.#requests.takeFinished()) this.#staffing.noteFinished()
    if (this.#requests.takeRefilled()) this.#staffing.wake()
    this.#outcomes.tell()
    // If more comes soon, the next poll need not sleep, and looks at everything else before it goes on with this.
    if (this.#requests.pending > 0 && this.#spin.until(this.#hasFinished)) this.#more.schedule()
  }

  readonly #requestAt = (slot: number): PoolRequest => this.#requests.at(slot)
  readonly #hasFinished = (): boolean => !this.#memory.finished.isEmpty

  #noteEnd(): void {
    this.#ctx.endWork()
    if (this.#requests.pending === 0) this.#threads.ignoreStart()
  }

  #drain(): void {
    if (!this.#wasFull || this.#requests.waiting > 0) return
    this.#wasFull = false
    this.emit('drain')
  }

  #requireOpen(): void {
    if (this.#closing) throw aioError('ERR_AIO_CLOSED', 'This ThreadPool is closed: make a new one.')
  }
}
