import {
  type BottomHalf,
  BottomHalfList,
  type BottomHalfOptions,
  deferCallBegin,
  deferCallEnd,
  IDLE_INTERVAL_NS,
} from '@aiokit/bottom-halves'
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
import {
  type AioHandler,
  type BufferGroup,
  type CqeHandler,
  type FdHandlers,
  type FdMonitor,
  type FdMonitorFactory,
  FdTable,
  type Sqe,
  type SqeRequest,
} from '@aiokit/fdmon'
import { type EventNotifier, NotifyGate } from '@aiokit/notifier'
import { monotonicNs } from '@aiokit/sys'
import type { Clock, Timer } from '@aiokit/timers'
import { ContextTimers, earlier } from './context-timers.ts'
import type { AioContextHandle, LoopHandle } from './remote-context.ts'
import { RemoteTasks } from './remote-tasks.ts'
import type { AioStats } from './stats.ts'

export interface AioContextOptions {
  /** Appears in warnings. Default 'aio'. */
  name?: string
  /** The monitor: `pollMonitor()`, `epollMonitor()`, ... The package `aiokit` chooses one by itself. */
  fdmon: FdMonitorFactory
  /** Requests made by `addSqe` wait for company until the end of the iteration, but no more than so many; 0: no limit. */
  aioMaxBatch?: number
  /** Measure the time spent waiting, for `stats().blockedNs`: two reads of the clock for each wait. Default false. */
  measure?: boolean
}

// What a poll runs, in this order.
const BOTTOM_HALVES = 0
const COMPLETIONS = 1
const HANDLERS = 2
const TIMERS = 3
const STAGES = 4

// Of this thread: a context never leaves the thread that made it.
let running: AioContext | null = null
let current: AioContext | null = null
let polling = 0

/**
 * An event loop of your own: descriptors, event notifiers, bottom halves and timers, run by `poll()`, which a
 * callback may call again in order to wait for something while it is being called.
 *
 * An AioContext belongs to the thread that made it. Other threads reach it through its `handle`.
 */
export class AioContext implements Disposable {
  readonly name: string

  readonly #gate: NotifyGate
  /** Of the gate's descriptor. It is never called: poll() takes it off the ready list and accepts. */
  readonly #gateHandler: AioHandler
  readonly #bottomHalves: BottomHalfList
  readonly #timers: ContextTimers
  readonly #fds: FdTable
  /** Polls of this context that are running, one inside the other. */
  #depth = 0
  /** Where the next poll begins: after the stage in which a callback threw, so that the stages behind it get their turn. */
  #firstStage = BOTTOM_HALVES
  #closed = false
  #closing = false
  readonly #onClose: Set<() => void> = new Set<() => void>()
  /** Null until somebody asks for the handle. */
  #remoteTasks: RemoteTasks | null = null

  readonly #measure: boolean
  #blockedNs = 0
  #polls = 0
  #waits = 0
  #accepts = 0

  /**
   * @throws SystemError EMFILE, ENFILE, ENOMEM; `ERR_AIO_INVALID_ARG_TYPE`; what the monitor's factory throws
   */
  constructor(options: AioContextOptions) {
    const { fdmon, name = 'aio', measure = false, aioMaxBatch = 0 } = requireObject(options, 'options')
    if (typeof fdmon !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"options.fdmon" must be a monitor factory such as epollMonitor(). Received ${describe(fdmon)}.`,
      )
    }
    this.name = requireString(name, 'options.name')
    this.#measure = requireBoolean(measure, 'options.measure')
    requireInteger(aioMaxBatch, 'options.aioMaxBatch', 0, 0x7fff_ffff)
    this.#gate = new NotifyGate()
    this.#bottomHalves = new BottomHalfList(this.#gate)
    this.#timers = new ContextTimers(this.#gate)
    let fds: FdTable | undefined
    try {
      fds = new FdTable(fdmon, (handler) => this.#reportClosed(handler))
      this.#gateHandler = fds.set(this.#gate.fd, { read() {} })
      this.#fds = fds
      if (fds.monitor.maxBatch !== undefined) fds.monitor.maxBatch = aioMaxBatch
    } catch (error) {
      fds?.close()
      this.#gate.close()
      throw error
    }
  }

  /**
   * Send this to other threads, and make a `RemoteContext.from(handle)` of it there.
   *
   * @throws `ERR_AIO_CLOSED`
   */
  get handle(): AioContextHandle {
    this.#requireOpen()
    this.#remoteTasks ??= new RemoteTasks(this.#bottomHalves)
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
    return { gate: this.#gate.handle, states: this.#bottomHalves.states.words }
  }

  /** The context whose callback is running in this thread, else the last one on which `makeCurrent()` was called. */
  static get current(): AioContext | null {
    return running ?? current
  }

  /**
   * How many polls are running in this thread, of any context, one inside the other. Code that is interrupted by a nested
   * poll can tell by it what is called by that poll and what by itself.
   */
  static get depth(): number {
    return polling
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
    return this.#fds.monitor.name
  }

  /** Why a faster monitor was not taken or was given up; null if all is well. */
  get fdmonFallback(): Error | null {
    return this.#fds.fallback
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
    const parent = running
    running = this
    polling++
    this.#depth++
    this.#polls++
    try {
      this.#wait(blocking ? this.#timeoutNs(timeoutNs) : 0)
      return this.#dispatch()
    } finally {
      polling--
      this.#depth--
      running = parent
    }
  }

  /**
   * Polls, blocking, for as long as `condition()` is true. The way to wait in synchronous code, callbacks included.
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
    this.#requireOpen()
    requireInteger(fd, 'fd', 0, 0x7fff_ffff)
    if (fd === this.#gate.fd || fd === this.#fds.monitor.backendFd) {
      throw aioError(
        'ERR_AIO_RESERVED_FD',
        `Descriptor ${fd} belongs to the context itself: watch one of your own.`,
      )
    }
    if (handlers === null) this.#fds.remove(fd)
    else this.#fds.set(fd, handlers)
  }

  /**
   * As `setFdHandler`, for an event notifier. Its `read` should begin with `notifier.testAndClear()`.
   *
   * @throws as `setFdHandler`; `ERR_AIO_CLOSED` for a notifier that is closed
   */
  setEventNotifier(notifier: EventNotifier, handlers: FdHandlers | null): void {
    if (typeof notifier?.fd !== 'number') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"notifier" must be an EventNotifier. Received ${describe(notifier)}.`,
      )
    }
    if (notifier.fd < 0) throw aioError('ERR_AIO_CLOSED', 'This EventNotifier is closed: make a new one.')
    this.setFdHandler(notifier.fd, handlers)
  }

  /**
   * Makes a poll that is blocking, or else the next one, return at once (rule N1).
   *
   * @throws `ERR_AIO_CLOSED`
   */
  notify(): void {
    this.#requireOpen()
    this.#gate.notify()
  }

  /**
   * A bottom half, which runs when it is scheduled; with `{ shared: true }` by other threads as well.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED`, `ERR_AIO_TOO_MANY_SHARED`
   */
  createBottomHalf(callback: () => void, options?: BottomHalfOptions): BottomHalf {
    return this.#bottomHalves.create(callback, options)
  }

  /** Runs `callback` once in a following poll. @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED` */
  scheduleOneshot(callback: () => void, name?: string): void {
    this.#bottomHalves.scheduleOneshot(callback, name)
  }

  /**
   * A timer on `clock` (`realtime`, `host`, `virtual` or one of your own) whose callback this context runs.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED`
   */
  createTimer(clock: Clock, callback: () => void): Timer {
    this.#requireOpen()
    return this.#timers.create(clock, callback)
  }

  /** Whether there is a ring, so that `addSqe` works; the same for all contexts of a process that leave the choice to us. */
  get hasIoUring(): boolean {
    return this.#fds.monitor.addSqe !== undefined
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
    const { monitor } = this.#fds
    if (monitor.addSqe === undefined) throw this.#noIoUring()
    return monitor.addSqe(prep, cqeHandler)
  }

  /**
   * Buffers for requests that receive again and again (`sqe.prepRecvMultishot`): `count` of `size` bytes, `count` a power
   * of two up to 32,768.
   *
   * @throws `ERR_AIO_NO_IO_URING`, `ERR_AIO_CLOSED`, `ERR_AIO_OUT_OF_RANGE`; SystemError
   */
  createBufferGroup(count: number, size: number): BufferGroup {
    this.#requireOpen()
    const { monitor } = this.#fds
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
    const { monitor } = this.#fds
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
    const { monitor } = this.#fds
    if (monitor.registerFiles === undefined) throw this.#noIoUring()
    monitor.registerFiles(fds)
  }

  /** What the context has done so far; a new object for each call, also after `close()`. */
  stats(): AioStats {
    return {
      polls: this.#polls,
      waits: this.#waits,
      systemCalls: this.#fds.systemCalls + this.#accepts,
      eventfdWrites: this.#gate.writes,
      eventfdWritesAvoided: this.#gate.writesAvoided,
      bottomHalves: this.#bottomHalves.runs,
      dispatches: this.#fds.dispatched,
      blockedNs: this.#measure ? this.#blockedNs : null,
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
   * @throws `ERR_AIO_IN_CALLBACK` from inside a callback of this context
   * @throws what a handler or an `onClose` callback throws, when everything is closed
   */
  close(): void {
    if (this.#closed || this.#closing) return
    if (this.#depth > 0) {
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
      () => this.#remoteTasks?.close(),
      () => this.#bottomHalves.close(),
      () => this.#timers.close(),
      () => this.#fds.close(),
      () => this.#gate.close(),
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

  /** How long this poll may block: 0 not at all, negative for ever. */
  #timeoutNs(limit: number): number {
    if (this.#bottomHalves.isReady || this.#fds.hasReady || this.#fds.monitor.hasPending) return 0
    let timeout = limit === Number.POSITIVE_INFINITY ? -1 : limit
    if (this.#bottomHalves.isIdleScheduled) timeout = earlier(timeout, IDLE_INTERVAL_NS)
    return earlier(timeout, this.#timers.deadlineNs())
  }

  #wait(timeoutNs: number): void {
    if (timeoutNs === 0) {
      this.#fds.wait(0)
    } else {
      this.#waits++
      // After the timeout was computed, before notifications are looked at: rule N2.
      const maySleep = this.#gate.beginWait()
      const start = this.#measure ? monotonicNs() : 0
      try {
        this.#fds.wait(maySleep ? timeoutNs : 0)
      } finally {
        this.#gate.endWait()
        if (this.#measure) this.#blockedNs += monotonicNs() - start
      }
    }
    // Before any source of events is looked at: rule N3.
    const signalled = this.#fds.takeReady(this.#gateHandler)
    if (signalled) this.#accepts++
    this.#gate.accept(signalled)
  }

  #dispatch(): boolean {
    const first = this.#depth === 1 ? this.#firstStage : BOTTOM_HALVES
    let stage = first
    let progress = false
    try {
      do {
        if (this.#runStage(stage)) progress = true
        stage = (stage + 1) % STAGES
      } while (stage !== first)
    } catch (error) {
      this.#firstStage = (stage + 1) % STAGES
      throw error
    }
    this.#firstStage = BOTTOM_HALVES
    return progress
  }

  #runStage(stage: number): boolean {
    switch (stage) {
      case BOTTOM_HALVES:
        return this.#bottomHalves.run()
      case COMPLETIONS:
        return this.#fds.monitor.hasPending ? this.#complete() : false
      case HANDLERS:
        return this.#fds.dispatch()
      case TIMERS:
        return this.#timers.run()
      default:
        return false
    }
  }

  /** Completions come in batches: what each of them asks for once is done once, at the end (rule B10). */
  #complete(): boolean {
    deferCallBegin()
    try {
      return this.#fds.monitor.dispatch!()
    } finally {
      deferCallEnd()
    }
  }

  #noIoUring(): Error {
    const why = this.#fds.fallback
    return aioError(
      'ERR_AIO_NO_IO_URING',
      `Context "${this.name}" has no io_uring, its monitor is ${this.fdmonName}${why === null ? '' : ` (${why.message})`}: look at ctx.hasIoUring first, or choose the monitor io_uring.`,
      why === null ? undefined : { cause: why },
    )
  }

  #reportClosed(handler: AioHandler): void {
    if (handler === this.#gateHandler) {
      this.#gate.abandon()
      throw aioError(
        'ERR_AIO_NOTIFIER_LOST',
        `Other code closed descriptor ${handler.fd}, which context "${this.name}" is woken through: close the context and make a new one.`,
      )
    }
    process.emitWarning(
      `File descriptor ${handler.fd} was closed while context "${this.name}" watched it; its handler was dropped.`,
      {
        type: 'AioWarning',
        code: 'AIOKIT_FD_CLOSED',
        detail: `Call setFdHandler(${handler.fd}, null) before closing the descriptor.`,
      },
    )
  }

  #requireOpen(): void {
    if (this.#closed)
      throw aioError('ERR_AIO_CLOSED', `Context "${this.name}" is closed: make a new AioContext.`)
  }
}

function requireCqeHandler(value: CqeHandler): CqeHandler {
  if (typeof value?.complete === 'function') return value
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"handler" must be a function or an object with a function \`complete\`. Received ${describe(value)}.`,
  )
}
