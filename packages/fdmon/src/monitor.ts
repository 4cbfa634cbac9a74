import type { TraceContext } from '@aiokit/trace'
import type { AioHandler } from './handler.ts'
import type { ReadyList } from './ready-list.ts'
import type { BufferGroup, CqeHandler, Sqe, SqeRequest } from './sqe.ts'

/** What a monitor may ask of the loop that it works for; `FdTable` is one. */
export interface FdMonitorHost {
  /** What the loop is called in trace events, if it has a name. */
  readonly ctx?: TraceContext | null

  /**
   * The descriptors of `handlers` were closed without being unregistered; the monitor has forgotten them already, the
   * loop drops the handlers and reports them (rule F8). To be called last: whoever hears of it may register, remove,
   * close the loop and this monitor with it, or throw.
   *
   * @throws what the reports throw, when all have been made
   */
  closed(handlers: readonly AioHandler[]): void

  /**
   * Puts a monitor made by `factory` in the place of this one, which is closed, and has it watch every handler that
   * was watched. Returns it, so that the old monitor can finish the call it is in by way of the new one. If the new one
   * refuses a handler whose descriptor is open, the old one stays, is returned, and the reason is recorded.
   *
   * @throws what `factory` throws; the old monitor stays
   */
  replace(factory: FdMonitorFactory): FdMonitor

  /** Records why a faster monitor was not taken or not kept. */
  fellBack(reason: Error): void
}

export type FdMonitorFactory = (host: FdMonitorHost) => FdMonitor

/**
 * How a loop learns which descriptors are ready (rule M1). All methods belong to the loop's thread, and none calls
 * back into user code except `dispatch`.
 */
export interface FdMonitor {
  readonly name: 'poll' | 'epoll' | 'io_uring'

  /** A descriptor that is readable when `collect` would find something, for a host loop; -1 if there is none. */
  readonly backendFd: number

  /** System calls made so far. */
  readonly systemCalls: number

  /**
   * Watches `handler.fd` for `events` (`IN`, `OUT`) from now on instead of `handler.events`; 0 stops. Sets
   * `handler.events`. After a removal the descriptor may be closed and its number used again at once (M7).
   *
   * @throws SystemError, EBADF above all; then nothing has changed (F3)
   */
  update(handler: AioHandler, events: number): void

  /**
   * Waits until something is ready or `timeoutNs` passed (0: only looks; negative: for ever), and adds what is
   * ready to `ready`. A signal does not end the wait (M5). Also submits what is waiting to be submitted.
   *
   * @param isAgain there was nothing (`needWait` said false) at a time since which nothing of the program's has run: what
   *   there is has come in between, and is no news of the past
   */
  wait(ready: ReadyList, timeoutNs: number, isAgain?: boolean): void

  /** True if there is something that only `wait` can pick up, seen from userspace, without a system call. */
  needWait(): boolean

  /** True if `needWait` tells of all that happens: the monitor can be watched from userspace (rule P2). */
  readonly isWatchable?: boolean

  /** Runs callbacks of the monitor's own (completions of requests). Returns whether there were any. */
  dispatch?(): boolean

  /** How many requests of the program's own have not been answered for good. */
  readonly inFlight?: number

  /** How many completions of such requests were delivered. */
  readonly completions?: number

  /** True if a wait must not block because `dispatch` has work left, from a parent poll or one that threw. */
  readonly hasPending?: boolean

  /**
   * Where `backendFd` will not do for a host loop: it has to wait for the watched descriptors themselves, and for this one,
   * which is readable when requests are answered, until `drain`.
   *
   * @throws SystemError EMFILE, ENFILE, ENOMEM
   */
  hostFd?(): number

  /** Returns whether there was anything. */
  drain?(): boolean

  /** A host loop is about to wait. Returns true if it must not block. */
  prepare(): boolean

  /**
   * The host loop has waited. Returns false if it is certain, without a system call, that `collect` would find nothing, but
   * for watched descriptors that the host loop itself waits for (see `hostFd`).
   */
  check(): boolean

  /** As `wait` with timeout 0, after `check` returned true. */
  collect(ready: ReadyList): void

  /**
   * Puts a request of the program's own on the ring, if the monitor has one (rules U1 to U7). Requests made in one
   * iteration go out together with its wait.
   *
   * @throws what `prep` throws, and then nothing is submitted; `ERR_AIO_NOT_PREPARED` if it called no `prep...` method;
   *   `ERR_AIO_CHAIN` for a chain that is too long, or drained elsewhere than at its beginning; `ERR_AIO_CLOSED`
   */
  addSqe?(prep: (sqe: Sqe) => void, handler: CqeHandler): SqeRequest

  /** So many requests are submitted without waiting for company. 0: as many as the queue takes. */
  maxBatch?: number

  /** See `BufferGroup`. `count` is a power of two up to 32,768, `size` is bytes. */
  createBufferGroup?(count: number, size: number): BufferGroup

  /**
   * Buffers for `prepReadFixed` and `prepWriteFixed`, by their place in `views`, instead of those registered before; null
   * for none. The kernel looks their pages up once and not with every request. Each must be memory of `bufferPool`, which
   * is not used again before it is unregistered, also if it is freed.
   *
   * @throws `ERR_AIO_NOT_ALLOCATED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` (at most 1024), `ERR_AIO_CLOSED`;
   *   SystemError: ENOMEM if it is more than RLIMIT_MEMLOCK. After a
   *   SystemError none are registered.
   */
  registerBuffers?(views: readonly ArrayBufferView[] | null): void

  /**
   * Files for `fixedFile()`, by their place in `fds` (-1 leaves it empty), instead of those registered before; null for
   * none. The ring holds on to them, also when the descriptors are closed.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_CLOSED`; SystemError: EBADF, EMFILE if there are
   *   more than RLIMIT_NOFILE. After a
   *   SystemError none are registered.
   */
  registerFiles?(fds: readonly number[] | Int32Array | null): void

  /**
   * Lets go of the kernel's objects. Handlers need not be removed before. Requests in flight are cancelled, and their
   * handlers called from here (rule U6). May be called twice.
   *
   * @throws what a handler throws, when all have been called
   */
  close(): void
}
