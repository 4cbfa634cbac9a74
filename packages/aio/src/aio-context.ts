import type { BottomHalf, BottomHalfOptions } from '@aiokit/bottom-halves'
import {
  aioError,
  aioTypeError,
  describe,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
} from '@aiokit/errors'
import type {
  BufferGroup,
  CqeHandler,
  FdHandlers,
  FdMonitor,
  FdMonitorFactory,
  FdWatch,
  Sqe,
  SqeRequest,
} from '@aiokit/fdmon'
import { EventNotifier } from '@aiokit/notifier'
import { abortReason, checkSignal } from '@aiokit/task'
import type { Clock, Timer } from '@aiokit/timers'
import { joinTrace } from '@aiokit/trace'
import { Attachment } from './attachment.ts'
import type { AsyncFeed, FeedOptions } from './feed.ts'
import { hostLoop } from './host-loop.ts'
import { isHostedNow } from './hosted-call.ts'
import { Interval } from './interval.ts'
import { Loop } from './loop.ts'
import { NotifierEvents } from './notifier-events.ts'
import { defaultPollSettings, type PollParams, pollSettings } from './poll-params.ts'
import type { AioContextHandle, LoopHandle } from './remote-context.ts'
import { RemoteTasks } from './remote-tasks.ts'
import { Runner, type RunOptions } from './runner.ts'
import type { AioStats } from './stats.ts'

export interface AioContextOptions {
  /** Appears in warnings. Default 'aio'. */
  name?: string
  /** The monitor: `pollMonitor()`, `epollMonitor()`, ... The package `aiokit` chooses one by itself. */
  fdmon: FdMonitorFactory
  /** Requests made by `addSqe` wait for company until the end of the iteration, but no more than so many; 0: no limit. */
  aioMaxBatch?: number
  /**
   * Polling from userspace before it sleeps. Default none, unless the environment variable AIOKIT_POLL_MAX_NS gives a
   * number of nanoseconds.
   */
  poll?: PollParams
  /** Measure the time spent waiting, for `stats().blockedNs`: two reads of the clock for each wait. Default false. */
  measure?: boolean
}

// Each thread loads this that has a context, and each that starts one for which that is to be traced.
joinTrace()

// Of this thread: a context never leaves the thread that made it.
let current: AioContext | null = null

/**
 * An event loop of your own: descriptors, event notifiers, bottom halves and timers, run by `poll()`, which a
 * callback may call again in order to wait for something while it is being called.
 *
 * An AioContext belongs to the thread that made it. Other threads reach it through its `handle`.
 */
export class AioContext implements Disposable, AsyncDisposable {
  readonly name: string

  readonly #loop: Loop
  readonly #measure: boolean
  #closed = false
  #closing = false
  readonly #onClose: Set<() => void> = new Set<() => void>()
  /** Null until somebody asks for the handle. */
  #remoteTasks: RemoteTasks | null = null
  /** What runs the loop beside calls of `poll()`. */
  #host: Attachment | Runner | null = null
  #isRef = true

  /**
   * @throws SystemError EMFILE, ENFILE, ENOMEM; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, the latter also if
   *   AIOKIT_POLL_MAX_NS is no number; what the monitor's factory throws
   */
  constructor(options: AioContextOptions) {
    const {
      fdmon,
      name = 'aio',
      measure = false,
      aioMaxBatch = 0,
      poll = {},
    } = requireObject(options, 'options')
    if (typeof fdmon !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"options.fdmon" must be a monitor factory such as epollMonitor(). Received ${describe(fdmon)}.`,
      )
    }
    this.name = requireString(name, 'options.name')
    this.#measure = requireBoolean(measure, 'options.measure')
    requireInteger(aioMaxBatch, 'options.aioMaxBatch', 0, 0x7fff_ffff)
    const settings = pollSettings(poll, 'options.poll', defaultPollSettings(0))
    this.#loop = new Loop(this, fdmon, { measure, aioMaxBatch, poll: settings })
  }

  /**
   * Send this to other threads, and make a `RemoteContext.from(handle)` of it there.
   *
   * @throws `ERR_AIO_CLOSED`
   */
  get handle(): AioContextHandle {
    this.#requireOpen()
    this.#remoteTasks ??= new RemoteTasks(this.#loop)
    return {
      ...this.loopHandle,
      name: this.name,
      tasks: this.#remoteTasks.handle,
    }
  }

  /**
   * A part of `handle`, for packages whose threads only schedule bottom halves, with a `RemoteBottomHalf` of a `NotifyGate`
   * and `SharedStates` of their own. The whole of it opens a channel, for tasks.
   *
   * @throws `ERR_AIO_CLOSED`
   */
  get loopHandle(): LoopHandle {
    this.#requireOpen()
    const { gate, bottomHalves } = this.#loop
    return { gate: gate.handle, states: bottomHalves.states.words }
  }

  /** The context whose callback is running in this thread, else the last one on which `makeCurrent()` was called. */
  static get current(): AioContext | null {
    return Loop.running?.owner ?? current
  }

  /**
   * How many polls are running in this thread, of any context, one inside the other. Code that is interrupted by a nested
   * poll can tell by it what is called by that poll and what by itself.
   */
  static get depth(): number {
    return Loop.depth
  }

  /**
   * Makes this the thread's context for code that is not called by any (an I/O thread does so at its start).
   *
   * @throws `ERR_AIO_CLOSED`
   */
  makeCurrent(): void {
    this.#requireOpen()
    current = this
  }

  /** The monitor in use now; the automatic choice and a fallback change it. */
  get fdmonName(): FdMonitor['name'] {
    return this.#loop.fds.monitor.name
  }

  /** Why a faster monitor was not taken or was given up; null if all is well. */
  get fdmonFallback(): Error | null {
    return this.#loop.fds.fallback
  }

  /**
   * One iteration: waits until something happens if `blocking`, then runs bottom halves, handlers of descriptors and
   * timers. Returns whether anything ran; a notification alone, or an idle bottom half, is nothing (rules N6, B6).
   *
   * May be called from any callback: the nested call runs whatever its parents had not got to. Handlers of signals
   * (`process.on`) and everything else of Node's own loop wait until the program returns to it (rule X7).
   *
   * @param timeoutNs longest time to wait if `blocking`, in nanoseconds; default for ever
   * @throws what a callback throws. The context is in order then, and the next poll runs what this one had left (X1).
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   * @throws `ERR_AIO_NOTIFIER_LOST` if other code closed the descriptor that the context is woken through
   * @throws SystemError if the monitor fails and has no other to go on with
   */
  poll(blocking: boolean, timeoutNs: number = Number.POSITIVE_INFINITY): boolean {
    if (this.#closed) this.#requireOpen()
    if (typeof blocking !== 'boolean') requireBoolean(blocking, 'blocking')
    if (timeoutNs !== Number.POSITIVE_INFINITY)
      requireNumber(timeoutNs, 'timeoutNs', 0, Number.POSITIVE_INFINITY)
    return this.#loop.poll(blocking ? timeoutNs : 0)
  }

  /**
   * Polls, blocking, for as long as `condition()` is true. The way to wait in synchronous code, callbacks included. What
   * is to end it early has to be heard of by the context, which Node's timers are not: `AbortSignal.timeout()` does not.
   *
   * @throws what a callback or `condition` throws, and what `poll` does
   */
  waitWhile(condition: () => boolean): void {
    requireFunction(condition, 'condition')
    // A promise is always true: an async function would be waited for for ever.
    while (requireBoolean(condition(), 'the result of condition()')) this.poll(true)
  }

  /**
   * Calls `handlers` when descriptor `fd` is ready, in place of earlier ones; null stops that, and is to be called
   * before the descriptor is closed. Allowed in any callback, also in the handler's own (rules F1 to F4).
   *
   * @throws SystemError EBADF if `fd` is not open; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`,
   *   `ERR_AIO_NO_CALLBACK`; `ERR_AIO_RESERVED_FD` if it is one of the context's own; `ERR_AIO_CLOSED`
   */
  setFdHandler(fd: number, handlers: FdHandlers | null): void {
    this.#setHandler(fd, handlers, null)
  }

  /**
   * As `setFdHandler`, for an event notifier. Its `read` should begin with `notifier.testAndClear()`.
   *
   * A context that polls looks at the notifier itself, unless the handlers have a `poll` of their own, or a `write`: in that
   * time neither `set()` nor `testAndClear()` is a system call, in any thread that shares its `handle` (rules N7, P6).
   *
   * @throws as `setFdHandler`; `ERR_AIO_CLOSED` for a notifier that is closed
   */
  setEventNotifier(notifier: EventNotifier, handlers: FdHandlers | null): void {
    const { fd } = requireNotifier(notifier)
    const watch = handlers !== null && notifier instanceof EventNotifier ? notifier.watch() : null
    this.#setHandler(fd, handlers, watch)
  }

  /**
   * The events of a notifier, in place of handlers that it had:
   *
   *     for await (const _ of ctx.events(notifier, { signal })) { ... }
   *
   * One for any number of `set()` calls since the last (rule N7). It is cleared when somebody waits, and watched only then:
   * an attached process lives while somebody does.
   *
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`; the reason of a signal that is aborted already
   */
  events(notifier: EventNotifier, options: FeedOptions = {}): AsyncFeed<void> {
    this.#requireOpen()
    return new NotifierEvents(this, requireNotifier(notifier), requireObject(options, 'options')).feed
  }

  /**
   * Makes a poll that is blocking, or else the next one, return at once (rule N1).
   *
   * @throws `ERR_AIO_CLOSED`
   */
  notify(): void {
    this.#requireOpen()
    this.#loop.gate.notify()
  }

  /**
   * A bottom half, which runs when it is scheduled; with `{ shared: true }` by other threads as well.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED`, `ERR_AIO_TOO_MANY_SHARED`
   */
  createBottomHalf(callback: () => void, options?: BottomHalfOptions): BottomHalf {
    return this.#loop.bottomHalves.create(callback, options)
  }

  /** Runs `callback` once in a following poll. @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED` */
  scheduleOneshot(callback: () => void, name?: string): void {
    this.#loop.bottomHalves.scheduleOneshot(callback, name)
  }

  /**
   * A timer on `clock` (`realtime`, `host`, `virtual` or one of your own) whose callback this context runs.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED`
   */
  createTimer(clock: Clock, callback: () => void): Timer {
    this.#requireOpen()
    return this.#loop.timers.create(clock, callback)
  }

  /**
   * Periods of `periodNs` nanoseconds on `clock`, counted from this call:
   *
   *     for await (const periods of ctx.interval(realtime, 1e9)) { ... }
   *
   * Each time it gives how many have passed since the last time, as read(2) of a timerfd does: 1 for who is fast enough.
   * Who is slow is told at once, with a higher count, and is in step again after that: nothing drifts. An attached process
   * lives while somebody waits.
   *
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` unless `periodNs` is from 1 to 2^53 - 1;
   *   the reason of a signal that is aborted already
   */
  interval(clock: Clock, periodNs: number, options: FeedOptions = {}): AsyncFeed<number> {
    this.#requireOpen()
    requireNumber(periodNs, 'periodNs', 1, Number.MAX_SAFE_INTEGER)
    return new Interval(this, clock, periodNs, requireObject(options, 'options')).feed
  }

  /**
   * How long, in nanoseconds, a poll that may block looks at what can be seen from userspace before it sleeps, and how that
   * adapts (rules P1 to P7). What was learned before is forgotten. Worth its CPU time where what is waited for often comes
   * within some 50 microseconds: to be woken takes about as long.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_CLOSED`
   */
  setPollParams(params: PollParams): void {
    this.#requireOpen()
    const { polling, gate } = this.#loop
    polling.configure(pollSettings(params, 'params', polling.settings))
    gate.nudge()
  }

  /** Whether there is a ring, so that `addSqe` works; the same for all contexts of a process that leave the choice to us. */
  get hasIoUring(): boolean {
    return this.#loop.fds.monitor.addSqe !== undefined
  }

  /**
   * Puts a request on the context's io_uring. `prep` fills in what is wanted (`sqe.prepRead(...)`); `handler` hears the
   * result in a poll, never inside this call (rules U1 to U5). Requests made in one iteration go out together.
   *
   * @returns the request, to cancel it
   * @throws `ERR_AIO_NO_IO_URING` if there is no ring (see `hasIoUring`); `ERR_AIO_CLOSED`; what `prep` throws, and then
   *   nothing was submitted
   */
  addSqe(prep: (sqe: Sqe) => void, handler: CqeHandler | ((res: number, flags: number) => void)): SqeRequest {
    this.#requireOpen()
    requireFunction(prep, 'prep')
    const cqeHandler = typeof handler === 'function' ? { complete: handler } : requireCqeHandler(handler)
    const { monitor } = this.#loop.fds
    if (monitor.addSqe === undefined) throw this.#noIoUring()
    const request = monitor.addSqe(prep, cqeHandler)
    this.#host?.touch()
    return request
  }

  /**
   * Buffers for requests that receive again and again (`sqe.prepRecvMultishot`): `count` of `size` bytes, `count` a power
   * of two up to 32,768.
   *
   * @throws `ERR_AIO_NO_IO_URING`, `ERR_AIO_CLOSED`, `ERR_AIO_OUT_OF_RANGE`; SystemError
   */
  createBufferGroup(count: number, size: number): BufferGroup {
    this.#requireOpen()
    const { monitor } = this.#loop.fds
    if (monitor.createBufferGroup === undefined) throw this.#noIoUring()
    return monitor.createBufferGroup(count, size)
  }

  /**
   * Buffers for `sqe.prepReadFixed` and `sqe.prepWriteFixed`, by their place in `views`, instead of those registered
   * before; null for none. Each must be memory of `bufferPool.allocate()`, which is not used again before that.
   *
   * @throws `ERR_AIO_NO_IO_URING`, `ERR_AIO_CLOSED`, `ERR_AIO_NOT_ALLOCATED`, `ERR_AIO_INVALID_ARG_TYPE`,
   *   `ERR_AIO_OUT_OF_RANGE`; SystemError: ENOMEM if it is more than RLIMIT_MEMLOCK. After a SystemError none are registered.
   */
  registerBuffers(views: readonly ArrayBufferView[] | null): void {
    this.#requireOpen()
    const { monitor } = this.#loop.fds
    if (monitor.registerBuffers === undefined) throw this.#noIoUring()
    monitor.registerBuffers(views)
  }

  /**
   * Files for `sqe.fixedFile()`, by their place in `fds` (-1 leaves it empty), instead of those registered before; null
   * for none. The ring holds on to them, also when the descriptors are closed.
   *
   * @throws `ERR_AIO_NO_IO_URING`, `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`; SystemError:
   *   EBADF, EMFILE if there are more than RLIMIT_NOFILE. After a SystemError none are registered.
   */
  registerFiles(fds: readonly number[] | Int32Array | null): void {
    this.#requireOpen()
    const { monitor } = this.#loop.fds
    if (monitor.registerFiles === undefined) throw this.#noIoUring()
    monitor.registerFiles(fds)
  }

  /**
   * Has Node's own loop run this context: handlers, bottom halves, timers and completions are called from there, each as
   * Node calls its own callbacks (rules A1 to A3). Nothing is polled by a timer: Node's loop waits for the context's
   * descriptor as well. `poll()` works as before, from callbacks too. Nothing happens if it is attached already.
   *
   * In an iteration of Node's loop this comes after sockets and files of Node's, before `setImmediate`. The context keeps
   * the process alive while there is anything that may call back (see `unref`).
   *
   * @throws `ERR_AIO_RUNNING` while `run()` does it; `ERR_AIO_NO_HOST_LOOP` in a program without libuv; `ERR_AIO_CLOSED`;
   *   SystemError ENOMEM, EMFILE
   */
  attach(): void {
    this.#requireOpen()
    if (this.#host instanceof Attachment) return
    this.#requireNotRunning()
    this.#host = new Attachment(this.#loop, () => {
      this.#host = null
    })
    this.#host.setRef(this.#isRef)
  }

  /** Undoes `attach()`, at once: what is due waits for the next `poll()`. Nothing happens if it is not attached. */
  detach(): void {
    if (this.#host instanceof Attachment) this.#leaveHost()
  }

  /**
   * Waits in the place of Node's loop, which becomes one of its sources: its timers, sockets, promises and ports go on as
   * before, and the context is as fast as with `poll()` (rule A4). Otherwise like `attach()`, and for threads whose main
   * work is the context's. Returns a promise that is fulfilled after `stop()` or `close()`, and rejected if the monitor
   * fails or `options.signal` is aborted; if it is already, nothing is run. Until then the process is kept alive, unless
   * `unref()` was called.
   *
   * @throws `ERR_AIO_RUNNING` if it runs already, or another context of the thread does; `ERR_AIO_ATTACHED`;
   *   `ERR_AIO_NO_HOST_LOOP`; `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_CLOSED`; SystemError
   */
  run(options: RunOptions = {}): Promise<void> {
    const signal = checkSignal(requireObject(options, 'options').signal)
    this.#requireOpen()
    this.#requireNotRunning()
    if (this.#host !== null)
      throw aioError('ERR_AIO_ATTACHED', `Context "${this.name}" is attached: call detach() before run().`)
    if (hostLoop.waiter !== null) {
      throw aioError(
        'ERR_AIO_RUNNING',
        'Another context of this thread runs already, and there can be one: attach() this one.',
      )
    }
    if (signal?.aborted) return Promise.reject(abortReason(signal))
    const { promise, resolve, reject } = withResolvers()
    this.#host = new Runner(this.#loop, signal, (failure) => {
      this.#host = null
      if (failure === undefined) resolve()
      else reject(failure)
    })
    this.#host.setRef(this.#isRef)
    return promise
  }

  /** Ends `run()`, at once: what is due waits for the next `poll()`. Nothing happens if it does not run. */
  stop(): void {
    if (this.#host instanceof Runner) this.#leaveHost()
  }

  /** From now on the context keeps the process alive while it is attached and has work, and while it runs: the default. */
  ref(): void {
    this.#isRef = true
    this.#host?.setRef(true)
  }

  /** From now on the context does not keep the process alive. */
  unref(): void {
    this.#isRef = false
    this.#host?.setRef(false)
  }

  /**
   * Says that something is under way that will call back through this context, which an attached one keeps the process
   * alive for; as often as it is said, `endWork()` has to be called. For what is made of bottom halves and notifiers that
   * other threads use: of handlers, timers and requests the context knows by itself.
   *
   * @throws `ERR_AIO_CLOSED`
   */
  beginWork(): void {
    this.#requireOpen()
    this.#loop.work++
    this.#host?.touch()
  }

  /** See `beginWork()`; also after `close()`. @throws `ERR_AIO_NO_WORK` if all that was begun has ended */
  endWork(): void {
    if (this.#loop.work === 0)
      throw aioError('ERR_AIO_NO_WORK', 'endWork() without beginWork(): call them in pairs.')
    this.#loop.work--
  }

  /** What the context has done so far; a new object for each call, also after `close()`. */
  stats(): AioStats {
    return {
      polls: this.#loop.polls,
      waits: this.#loop.waits,
      systemCalls: this.#loop.systemCalls,
      eventfdWrites: this.#loop.gate.writes,
      eventfdWritesAvoided: this.#loop.gate.writesAvoided,
      bottomHalves: this.#loop.bottomHalves.runs,
      dispatches: this.#loop.fds.dispatched,
      completions: this.#loop.fds.monitor.completions ?? 0,
      pollHits: this.#loop.polling.hits,
      pollMisses: this.#loop.polling.misses,
      pollingNs: this.#loop.polling.pollingNs,
      blockedNs: this.#measure ? this.#loop.blockedNs : null,
    }
  }

  /**
   * Calls `callback` at the beginning of `close()`, while the context still works: for what lives on a context and has
   * things of its own to let go of. Returns a function that takes it back.
   *
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`
   */
  onClose(callback: () => void): () => void {
    this.#requireOpen()
    // Another function each time: the same may be given twice.
    const entry = requireFunction(callback, 'callback').bind(null)
    this.#onClose.add(entry)
    return () => void this.#onClose.delete(entry)
  }

  /**
   * Lets go of everything. Descriptors that are still watched stay open: they are yours. May be called twice.
   *
   * Requests on the ring are cancelled, and their handlers called from here (rule U6).
   *
   * @throws `ERR_AIO_IN_CALLBACK` from inside a callback that `poll()` called; in one that Node's loop called it is allowed
   * @throws what a handler or an `onClose` callback throws, when everything is closed
   */
  close(): void {
    if (this.#closed || this.#closing) return
    if (this.#loop.depth > 0 && !(this.#loop.depth === 1 && isHostedNow(this.#loop))) {
      throw aioError(
        'ERR_AIO_IN_CALLBACK',
        'A context cannot be closed from inside its own poll: close it when poll() has returned.',
      )
    }
    this.#closing = true
    const parts = [
      () => {
        this.#closed = true
        if (current === this) current = null
      },
      () => this.#leaveHost(),
      () => this.#remoteTasks?.close(),
      () => this.#loop.bottomHalves.close(),
      () => this.#loop.timers.close(),
      () => this.#loop.fds.close(),
      () => this.#loop.gate.close(),
    ]
    // Whatever one of them throws, the others let go of what they have.
    let failure: { error: unknown } | null = null
    const attempt = (part: () => void): void => {
      try {
        part()
      } catch (error) {
        failure ??= { error }
      }
    }
    // Those that are added meanwhile included.
    for (const callback of this.#onClose) {
      this.#onClose.delete(callback)
      attempt(callback)
    }
    for (const part of parts) attempt(part)
    if (failure !== null) throw (failure as { error: unknown }).error
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * `stop()`, `detach()` and `close()`, and waits until the promise of `run()` and those of the operations that were
   * cancelled have settled, and what waits for them has gone on.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    // After this the ticks and promises are done with that closing has left.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  #setHandler(fd: number, handlers: FdHandlers | null, watch: FdWatch | null): void {
    this.#requireOpen()
    requireInteger(fd, 'fd', 0, 0x7fff_ffff)
    if (this.#isReserved(fd)) {
      throw aioError(
        'ERR_AIO_RESERVED_FD',
        `Descriptor ${fd} belongs to the context itself: watch one of your own.`,
      )
    }
    if (handlers === null) this.#loop.fds.remove(fd)
    else this.#loop.fds.set(fd, handlers, watch)
    this.#host?.touch()
  }

  #requireNotRunning(): void {
    if (this.#host instanceof Runner)
      throw aioError('ERR_AIO_RUNNING', `Context "${this.name}" runs already: call stop() before.`)
  }

  #leaveHost(): void {
    const host = this.#host
    this.#host = null
    host?.leave()
  }

  #noIoUring(): Error {
    const why = this.#loop.fds.fallback
    return aioError(
      'ERR_AIO_NO_IO_URING',
      `Context "${this.name}" has no io_uring, its monitor is ${this.fdmonName}${why === null ? '' : ` (${why.message})`}: look at ctx.hasIoUring first, or choose the monitor io_uring.`,
      why === null ? undefined : { cause: why },
    )
  }

  #isReserved(fd: number): boolean {
    const { gate, fds } = this.#loop
    return fd === gate.fd || fd === fds.monitor.backendFd || this.#host?.owns(fd) === true
  }

  #requireOpen(): void {
    if (this.#closed)
      throw aioError('ERR_AIO_CLOSED', `Context "${this.name}" is closed: make a new AioContext.`)
  }
}

function requireNotifier(notifier: EventNotifier): EventNotifier {
  if (typeof notifier?.fd !== 'number') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"notifier" must be an EventNotifier. Received ${describe(notifier)}.`,
    )
  }
  if (notifier.fd < 0) throw aioError('ERR_AIO_CLOSED', 'This EventNotifier is closed: make a new one.')
  return notifier
}

function requireCqeHandler(value: CqeHandler): CqeHandler {
  if (typeof value?.complete === 'function') return value
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"handler" must be a function or an object with a function \`complete\`. Received ${describe(value)}.`,
  )
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let [resolve, reject] = [(): void => {}, (_: unknown): void => {}]
  const promise = new Promise<void>((...functions) => {
    ;[resolve, reject] = functions
  })
  return { promise, resolve, reject }
}
