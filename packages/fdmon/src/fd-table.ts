import { aioError, aioTypeError, describe, requireFunction, requireNumber } from '@aiokit/errors'
import { aioSetFdHandler, type TraceContext } from '@aiokit/trace'
import { FdCallbacks, type FdHandlers, type FdWatch } from './callbacks.ts'
import { AioHandler } from './handler.ts'
import type { FdMonitor, FdMonitorFactory, FdMonitorHost } from './monitor.ts'
import { PolledHandlers } from './polled-handlers.ts'
import { ReadyList } from './ready-list.ts'

/**
 * The descriptors that a loop watches: their handlers by number, the monitor that watches them, and which of them
 * are ready. All that is needed to use a monitor without an AioContext.
 */
export class FdTable implements Disposable {
  readonly #handlers: Map<number, AioHandler> = new Map<number, AioHandler>()
  readonly #ready: ReadyList = new ReadyList()
  /** Those that the loop looks at from userspace before it sleeps. */
  readonly polled: PolledHandlers = new PolledHandlers(this.#ready)
  readonly #onClosed: (handler: AioHandler) => void
  readonly #host: FdMonitorHost
  readonly #ctx: TraceContext | null
  #monitor: FdMonitor
  #fallback: Error | null = null
  #formerSystemCalls = 0
  #keeping = 0
  #unpollable = 0
  #changes = 0
  #closed = false

  /**
   * @param onClosed hears of descriptors that were closed while they were watched; their handlers are gone by then.
   *   What it throws leaves the call that noticed.
   * @param ctx whose trace events this makes
   * @throws what `factory` throws, `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(
    factory: FdMonitorFactory,
    onClosed: (handler: AioHandler) => void,
    ctx: TraceContext | null = null,
  ) {
    this.#onClosed = requireFunction(onClosed, 'onClosed')
    this.#ctx = ctx
    this.#host = {
      ctx,
      closed: (handlers) => this.#reportClosed(handlers),
      replace: (next) => this.#replace(next),
      fellBack: (reason) => {
        this.#fallback = reason
      },
    }
    this.#monitor = make(factory, this.#host)
  }

  /** The monitor in use now; the automatic choice and a fallback change it. */
  get monitor(): FdMonitor {
    return this.#monitor
  }

  /** Why a faster monitor was not taken or was given up; null if all is well. */
  get fallback(): Error | null {
    return this.#fallback
  }

  /** System calls made by this monitor and those before it. */
  get systemCalls(): number {
    return this.#formerSystemCalls + this.#monitor.systemCalls
  }

  /** How many handlers keep a process alive that the loop is attached to. */
  get keeping(): number {
    return this.#keeping
  }

  /** How many handlers have no `poll`. */
  get unpollable(): number {
    return this.#unpollable
  }

  /** Goes up whenever a handler is set, removed or dropped. */
  get changes(): number {
    return this.#changes
  }

  /** The handler of `fd`, if it is watched. */
  get(fd: number): AioHandler | undefined {
    return this.#handlers.get(fd)
  }

  handlers(): Iterable<AioHandler> {
    return this.#handlers.values()
  }

  /** `read` and `write` callbacks run so far. */
  get dispatched(): number {
    return this.#ready.dispatched
  }

  /** True if something was found ready and not dispatched yet. */
  get hasReady(): boolean {
    return !this.#ready.isEmpty
  }

  /**
   * Watches `fd`, with these handlers in place of earlier ones (rules F1, F3, F4).
   *
   * @param watch for handlers without `poll`: what else there is to look at than the descriptor
   * @throws SystemError, or as `FdCallbacks` does, `ERR_AIO_CLOSED`; then nothing has changed
   */
  set(fd: number, handlers: FdHandlers, watch: FdWatch | null = null): AioHandler {
    this.#requireOpen()
    // First the user's getters, which may do anything, this call included; from here on only the monitor can fail.
    const callbacks = new FdCallbacks(handlers, watch)
    const handler = this.#handlers.get(fd) ?? new AioHandler(fd, callbacks)
    this.#monitor.update(handler, callbacks.events)
    const former = handler.callbacks
    if (this.#handlers.has(fd)) this.#count(former, -1)
    handler.callbacks = callbacks
    this.#count(callbacks, 1)
    this.#handlers.set(fd, handler)
    this.polled.remove(handler, former)
    if (aioSetFdHandler.hasSubscribers)
      aioSetFdHandler.publish({ ctx: this.#ctx, fd, events: callbacks.events })
    return handler
  }

  /** Stops watching `fd`, before it is closed. Nothing happens if it is not watched. */
  remove(fd: number): void {
    const handler = this.#handlers.get(fd)
    if (handler === undefined) return
    this.#forget(handler)
    this.#monitor.update(handler, 0)
    this.polled.remove(handler)
    if (aioSetFdHandler.hasSubscribers) aioSetFdHandler.publish({ ctx: this.#ctx, fd, events: 0 })
  }

  /**
   * Waits until something is ready or `timeoutNs` has passed (0 only looks, negative for ever).
   *
   * @throws SystemError if the kernel refuses and there is no other monitor to go on with; what the report of a closed
   *   descriptor throws; `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   */
  wait(timeoutNs: number): void {
    if (this.#closed) this.#requireOpen()
    if (!Number.isFinite(timeoutNs))
      requireNumber(timeoutNs, 'timeoutNs', Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    this.#monitor.wait(this.#ready, timeoutNs, false)
  }

  /**
   * As `wait(0)`, when `needWait` has said false and nothing of the program's has run since.
   *
   * @throws as `wait`
   */
  waitAgain(): void {
    this.#requireOpen()
    this.#monitor.wait(this.#ready, 0, true)
  }

  /** The handler that has been ready for longest, or null. */
  get firstReady(): AioHandler | null {
    return this.#ready.first
  }

  /** The ready handler behind `handler`, or null. */
  nextReady(handler: AioHandler): AioHandler | null {
    return this.#ready.next(handler)
  }

  /** As `wait(0)`, after a host loop has waited on `monitor.backendFd` and `monitor.check()` returned true. */
  collect(): void {
    this.#requireOpen()
    this.#monitor.collect(this.#ready)
  }

  /** If `handler` was found ready, takes it off the ready list without calling it. */
  takeReady(handler: AioHandler): boolean {
    if (!handler.isDue) return false
    this.#ready.remove(handler)
    return true
  }

  /**
   * Calls everything that is ready. Returns whether there was anything.
   *
   * @throws what a callback throws; the next call goes on with the rest (rule X1)
   */
  dispatch(): boolean {
    return this.#ready.dispatch()
  }

  /** Forgets all handlers and closes the monitor; the descriptors stay open. May be called twice. */
  close(): void {
    this.#closed = true
    for (const handler of this.#handlers.values()) {
      this.#ready.remove(handler)
      handler.callbacks.watch?.stop(true)
    }
    this.#handlers.clear()
    this.#keeping = 0
    this.#unpollable = 0
    try {
      this.#monitor.close()
    } finally {
      this.polled.clear()
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #requireOpen(): void {
    if (this.#closed)
      throw aioError('ERR_AIO_CLOSED', 'This table of descriptors is closed: make a new FdTable.')
  }

  #forget(handler: AioHandler, isOpen = true): void {
    if (this.#handlers.delete(handler.fd)) this.#count(handler.callbacks, -1, isOpen)
    this.#ready.remove(handler)
  }

  /** They are registered from now on, or no longer. */
  #count({ ref, poll, watch }: FdCallbacks, change: 1 | -1, isOpen = true): void {
    this.#changes++
    if (ref) this.#keeping += change
    if (poll === null) this.#unpollable += change
    if (watch === null) return
    if (change === 1) watch.start()
    else watch.stop(isOpen)
  }

  #replace(factory: FdMonitorFactory): FdMonitor {
    const watched = [...this.#handlers.values()].filter((handler) => handler.events !== 0)
    const before = watched.map(({ events, slot, generation }) => ({ events, slot, generation }))
    const former = this.#monitor
    const next = make(factory, this.#host)
    this.#monitor = next
    for (const handler of watched) handler.events = 0
    const lost: AioHandler[] = []
    for (const [i, handler] of watched.entries()) {
      try {
        // Not necessarily the monitor just made: it may have been replaced in turn.
        this.#monitor.update(handler, before[i]!.events)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EBADF') {
          lost.push(handler)
          continue
        }
        // It refuses what the former one watches: that one stays, with everything as it was.
        this.#formerSystemCalls += this.#monitor.systemCalls
        this.#monitor.close()
        for (const [j, each] of watched.entries()) Object.assign(each, before[j])
        this.#monitor = former
        this.#fallback = error as Error
        return former
      }
    }
    this.#formerSystemCalls += former.systemCalls
    // Closing it marks what it watched as unwatched, which is news of the past by now.
    const after = watched.map((handler) => handler.events)
    former.close()
    for (const [i, handler] of watched.entries()) handler.events = after[i]!
    if (lost.length > 0) this.#reportClosed(lost)
    return this.#monitor
  }

  /** Everything is in order before anybody hears of it: who does may register, remove, close, or throw. */
  #reportClosed(handlers: readonly AioHandler[]): void {
    for (const handler of handlers) this.#forget(handler, false)
    let failure: { error: unknown } | null = null
    for (const handler of handlers) {
      try {
        this.#onClosed(handler)
      } catch (error) {
        failure ??= { error }
      }
      try {
        this.polled.remove(handler)
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== null) throw failure.error
  }
}

function make(factory: FdMonitorFactory, host: FdMonitorHost): FdMonitor {
  const monitor: unknown = requireFunction(factory, 'factory')(host)
  const { update, wait, close } = (monitor ?? {}) as Partial<FdMonitor>
  for (const method of [update, wait, close]) {
    if (typeof method === 'function') continue
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `The factory of a monitor must return an FdMonitor. It returned ${describe(monitor)}.`,
    )
  }
  return monitor as FdMonitor
}
