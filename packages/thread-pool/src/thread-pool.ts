import { EventEmitter } from 'node:events'
import type { Histogram } from 'node:perf_hooks'
import { AioContext, type BottomHalf } from '@aiokit/aio'
import { deferCallBegin, deferCallEnd } from '@aiokit/bottom-halves'
import { type Co, Coroutine, coWake, coYield } from '@aiokit/coroutine'
import { aioError, aioTypeError, describe, requireFunction, requireObject } from '@aiokit/errors'
import { checkTaskOptions, forgetAbort, listenForAbort, type Task, type TaskOptions } from '@aiokit/task'
import { PoolMemory } from './pool-memory.ts'
import {
  type CheckedOptions,
  checkOptions,
  checkParams,
  type PoolParams,
  type ThreadPoolOptions,
} from './pool-options.ts'
import { type Done, PoolRequest } from './pool-request.ts'
import { Requests } from './requests.ts'
import { RunTimes } from './run-times.ts'
import type { StartedThread } from './started-thread.ts'
import { TaskNumbers } from './task-numbers.ts'
import { Threads } from './threads.ts'

export interface SubmitOptions extends TaskOptions {
  /** Cancels the request if it has not begun; the error is the signal's reason. */
  signal?: AbortSignal
}

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

/** Threads that end by themselves with nothing finished in between, until the pool gives up on its requests. */
const MAX_STILLBORN = 3

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
  #max: number
  readonly #tasks: TaskNumbers
  readonly #threads: Threads
  readonly #requests: Requests
  readonly #times: RunTimes | null
  /** Starts threads: not inside submit(), because that takes long. */
  readonly #starter: BottomHalf
  /** Tells what a callback that threw, or that polls, has left to tell. */
  readonly #rest: BottomHalf
  readonly #exits: Set<Promise<void>> = new Set<Promise<void>>()
  readonly #forgetContext: () => void
  #stillborn = 0
  #wasFull = false
  #closing = false
  #completed = 0
  #failed = 0
  #cancelled = 0

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
    this.#max = this.#options.max
    this.#memory.minThreads = this.#options.min
    this.#memory.idleMs = this.#options.idleTimeoutMs
    this.#times = this.#options.measure ? new RunTimes() : null
    this.#tasks = new TaskNumbers((task) => {
      for (const thread of this.#threads) thread.tell([task])
    })
    this.#threads = new Threads(
      ctx,
      this.#memory,
      { ...this.#options.thread, measure: this.#options.measure },
      { finished: () => this.#collect(), ended: (thread, expected) => this.#ended(thread, expected) },
    )
    this.#requests = new Requests(
      this.#memory,
      { receive: (thread, slot) => this.#threads.get(thread)!.receive(slot) },
      this.#times,
    )
    this.#starter = ctx.createBottomHalf(() => this.#startThreads(), { name: 'thread pool: start threads' })
    this.#rest = ctx.createBottomHalf(() => this.#tell(), { name: 'thread pool: tell' })
    this.#forgetContext = ctx.onClose(() => this.close())
    if (this.#options.min > 0) this.#starter.schedule()
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
    const self = Coroutine.self
    if (self === null) {
      throw aioError(
        'ERR_AIO_CO_NOT_INSIDE',
        'submitCo() is for coroutines: use submit() or submitAio() elsewhere.',
      )
    }
    let outcome: { error: Error | null; result: R | undefined } | null = null
    const done: Done<R> = (error, result) => {
      outcome = { error, result }
      if (!abandoned) coWake(self)
    }
    let abandoned = false
    const request = this.submitAio(task, argument, done, options)
    try {
      while (outcome === null) yield* coYield()
    } catch (error) {
      abandoned = true
      request.cancelAsync()
      throw error
    }
    const { error, result } = outcome as { error: Error | null; result: R | undefined }
    if (error !== null) throw error
    return result as R
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
    const { min, max } = checkParams(given, 'params.', { min: this.#memory.minThreads, max: this.#max })
    this.#memory.minThreads = min
    this.#max = max
    this.#threads.dismissAllBut(max)
    this.#starter.schedule()
  }

  /** What the pool is doing and has done; a new object for each call. */
  stats(): ThreadPoolStats {
    return {
      threads: this.#threads.count,
      waiting: this.#requests.waiting,
      pending: this.#requests.pending,
      completed: this.#completed,
      failed: this.#failed,
      cancelled: this.#cancelled,
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
    await Promise.all(this.#exits)
  }

  /** @internal */
  withdraw(request: PoolRequest): boolean {
    const inTime = this.#requests.withdraw(request)
    if (inTime) this.#rest.schedule()
    if (this.#requests.takeRefilled()) this.#wakeThreads()
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
    this.#starter.delete()
    this.#requests.withdrawAll()
    if (this.#requests.hasOutcomes) this.#rest.schedule()
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
    this.#rest.delete()
    if (failure !== null) throw (failure as { error: unknown }).error
  }

  #submit(task: Task<never>, argument: unknown, done: Done<unknown>, options: SubmitOptions): PoolRequest {
    this.#requireOpen()
    const number = this.#tasks.numberOf(task as Task)
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
    const request = new PoolRequest(this, number, argument, done)
    if (transfer !== undefined && transfer.length > 0) request.transfer = transfer
    requests.add(request)
    // A process that the context is attached to lives until it is told.
    this.#ctx.beginWork()
    if (requests.pending === 1) this.#threads.watchStart()
    if (signal !== undefined) {
      request.signal = signal
      listenForAbort(signal, request)
    }
    this.#wakeThreads()
    return request
  }

  /** After something was queued, here or from those that have waited for room. */
  #wakeThreads(): void {
    if (!this.#memory.wakeOne() && this.#threads.count < this.#max && !this.#closing) this.#starter.schedule()
  }

  /** Threads have something for us. */
  #collect(): void {
    this.#threads.attend(this.#sendArgument)
    if (this.#requests.takeFinished()) this.#stillborn = 0
    if (this.#requests.takeRefilled()) this.#wakeThreads()
    this.#tell()
  }

  readonly #sendArgument = (thread: StartedThread, slot: number): void => {
    const { argument, transfer } = this.#requests.at(slot)
    thread.sendArgument(slot, argument, transfer ?? [])
  }

  /** Calls back for all that has ended. A callback may poll, and throw: then `rest` goes on. */
  #tell(): void {
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

  #tellOne(request: PoolRequest): void {
    const { done, error, result } = request
    this.#ctx.endWork()
    if (this.#requests.pending === 0) this.#threads.ignoreStart()
    // A request that is kept keeps nothing.
    request.done = null
    request.error = null
    request.result = undefined
    if (request.signal !== null) forgetAbort(request.signal, request)
    if (request.withdrawn) this.#cancelled++
    else if (error === null) this.#completed++
    else this.#failed++
    try {
      if (!(request.withdrawn && done === throwError)) done!(error, result)
    } finally {
      this.#drain()
    }
  }

  #drain(): void {
    if (!this.#wasFull || this.#requests.waiting > 0) return
    this.#wasFull = false
    this.emit('drain')
  }

  #startThreads(): void {
    const threads = this.#threads
    try {
      while (
        threads.count < this.#memory.minThreads ||
        (this.#memory.queued > 0 && !this.#memory.wakeOne())
      ) {
        if (threads.count >= this.#max) return
        threads.start(this.#tasks.tasks)
      }
      if (this.#requests.pending === 0) threads.ignoreStart()
    } catch (error) {
      // Those that are there do the work. If there are none, nobody ever will.
      if (threads.count > 0) {
        process.emitWarning(
          `A thread pool works with ${threads.count} of up to ${this.#max} threads: ${(error as Error).message}`,
          { type: 'AioWarning', code: 'AIOKIT_POOL_THREAD' },
        )
        return
      }
      this.#requests.failAll(error as Error)
      this.#tell()
    }
  }

  #ended(thread: StartedThread, expected: boolean): void {
    const requests = this.#requests
    this.#exits.add(thread.exited)
    void thread.exited.then(() => this.#exits.delete(thread.exited))
    if (requests.takeFinished()) this.#stillborn = 0
    const { how, cause, uncaught } = thread.describeEnd()
    const died = (): Error =>
      aioError(
        'ERR_AIO_THREAD_DIED',
        `The thread that ran this task ended ${how}. Submit it again, or find out why.`,
        {
          cause,
        },
      )
    const wasBusy = requests.bury(thread.number, died)
    this.#stillborn = wasBusy || expected ? 0 : this.#stillborn + 1
    if (this.#stillborn >= MAX_STILLBORN) {
      this.#stillborn = 0
      requests.failAll(died())
    }
    if (!this.#closing) this.#starter.schedule()
    if (requests.hasOutcomes) this.#rest.schedule()
    // Of something that an earlier task has left behind: no request can fail with it, so it leaves a poll.
    if (uncaught && !wasBusy && !this.#closing) {
      this.#ctx.scheduleOneshot(() => {
        throw cause
      })
    }
  }

  #requireOpen(): void {
    if (this.#closing) throw aioError('ERR_AIO_CLOSED', 'This ThreadPool is closed: make a new one.')
  }
}

/** Of a request that nobody waits for. */
function throwError(error: Error | null): void {
  if (error !== null) throw error
}
