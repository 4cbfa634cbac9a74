import { type TraceChannel, TraceSpan, traceChannel } from './channel.ts'

// Every trace event of aiokit, under the name that the original gives it where it has one (rule O1). The names are public:
// programs subscribe to them. Messages are to be read and not to be changed; and who listens looks on: it is called in the
// middle of things, as a loop may be about to sleep for a time that is settled already.

/** The AioContext that an event is of; loops made of the parts may give anything that has a name. */
export interface TraceContext {
  readonly name: string
}

// The loop ------------------------------------------------------------------------------------------------------------------

export interface AioPoll {
  readonly ctx: TraceContext
  /** For how long it may wait at most, in ns: 0 only looks, infinite for ever. NaN if Node's loop has waited for it. */
  readonly timeoutNs: number
}
/** `aio_poll_begin`, `aio_poll_end`: one iteration, a nested one too, whoever runs it. */
export const aioPoll: TraceSpan<AioPoll> = new TraceSpan('aio_poll')

export interface AioWait {
  readonly ctx: TraceContext
  /** In ns; negative for ever. A notification that has come meanwhile makes it not wait at all. */
  readonly timeoutNs: number
}
/** `aio_wait_begin`, `aio_wait_end`: the part of an iteration in which the thread may sleep. */
export const aioWait: TraceSpan<AioWait> = new TraceSpan('aio_wait')

export type CallbackKind =
  | 'bottom half'
  | 'descriptor'
  | 'timer'
  | 'completion'
  | 'deferred call'
  | 'callback'

/** What a callback belongs to, as far as it has that: an AioHandler has `fd`, a BottomHalf has `name`. */
export interface CallbackSource {
  readonly fd?: number
  readonly name?: string
}

export interface AioCallback {
  readonly kind: CallbackKind
  // biome-ignore lint/complexity/noBannedTypes: of any kind
  readonly callback: Function
  /** The BottomHalf, AioHandler, Timer or SqeRequest; null if it has none. */
  readonly source: CallbackSource | null
}
/** `aio_callback_begin`, `aio_callback_end`: a loop calls the program back; hosted ones with its ticks and promises. */
export const aioCallback: TraceSpan<AioCallback> = new TraceSpan('aio_callback')

export interface AioSetFdHandler {
  /** Null for a table of descriptors that is no context's. */
  readonly ctx: TraceContext | null
  readonly fd: number
  /** `IN`, `OUT` or both; 0: not watched any more. */
  readonly events: number
}
export const aioSetFdHandler: TraceChannel<AioSetFdHandler> = traceChannel('aio_set_fd_handler')

export interface ReentrantAio {
  /** Of the bottom half that is entered. */
  readonly name: string
  /** The ReentrancyGuard that is engaged already. */
  readonly guard: object
}
export const reentrantAio: TraceChannel<ReentrantAio> = traceChannel('reentrant_aio')

// Adaptive polling ----------------------------------------------------------------------------------------------------------

export interface RunPollHandlers {
  readonly ctx: TraceContext
  /** For how long it polls at most, in ns. */
  readonly maxNs: number
  /** For how long it would wait after that, in ns, negative for ever. At the end: what is left of it. */
  timeoutNs: number
  /** At the end: whether a handler was found ready. */
  progress: boolean
}
/** `run_poll_handlers_begin`, `run_poll_handlers_end`: busy polling before a wait. */
export const runPollHandlers: TraceSpan<RunPollHandlers> = new TraceSpan('run_poll_handlers')

export interface PollTime {
  readonly ctx: TraceContext
  /** Of the handler whose polling time has changed; -1: of the requests on the ring. */
  readonly fd: number
  readonly oldNs: number
  readonly newNs: number
}
export const pollGrow: TraceChannel<PollTime> = traceChannel('poll_grow')
export const pollShrink: TraceChannel<PollTime> = traceChannel('poll_shrink')

export interface PollAdd {
  readonly ctx: TraceContext
  readonly fd: number
}
/** A handler is polled from now on. */
export const pollAdd: TraceChannel<PollAdd> = traceChannel('poll_add')

export interface PollRemove {
  readonly ctx: TraceContext
  readonly fd: number
}
/** A handler is not polled any more, because it was idle for long: see rule P7. */
export const pollRemove: TraceChannel<PollRemove> = traceChannel('poll_remove')

// Requests on a ring --------------------------------------------------------------------------------------------------------

export interface AddSqe {
  readonly ctx: TraceContext | null
  /** The SqeRequest, for which `fdmon_io_uring_cqe_handler` comes once or, if it is a multishot request, more often. */
  readonly request: object
  /** IORING_OP_...; see io_uring_enter(2). */
  readonly opcode: number
  /** A descriptor, or a place among the registered files; -1 for none. */
  readonly fd: number
  /** In the file, or whatever the operation has in the field `off`. */
  readonly offset: number
}
export const fdmonIoUringAddSqe: TraceChannel<AddSqe> = traceChannel('fdmon_io_uring_add_sqe')

export interface CqeHandled {
  readonly ctx: TraceContext | null
  readonly request: object
  /** The result: -errno for an error. */
  readonly res: number
  /** With IORING_CQE_F_MORE (2) another completion of the request will come. */
  readonly flags: number
}
/** The handler of a completion is about to be called. */
export const fdmonIoUringCqeHandler: TraceChannel<CqeHandled> = traceChannel('fdmon_io_uring_cqe_handler')

// Thread pools --------------------------------------------------------------------------------------------------------------

export interface PoolTask {
  readonly module: string
  readonly exportName: string
}

export interface PoolSubmit {
  readonly ctx: TraceContext
  /** The PoolRequest. */
  readonly request: object
  readonly task: PoolTask
}
export const threadPoolSubmit: TraceChannel<PoolSubmit> = traceChannel('thread_pool_submit')

export interface PoolComplete {
  readonly ctx: TraceContext
  readonly request: object
  /** Null if it has a result. */
  readonly error: Error | null
}
/** The callback of a request is about to be called, of one that was cancelled too. */
export const threadPoolComplete: TraceChannel<PoolComplete> = traceChannel('thread_pool_complete')

export interface PoolCancel {
  readonly ctx: TraceContext
  readonly request: object
}
/** A request was cancelled in time: it will not begin. */
export const threadPoolCancel: TraceChannel<PoolCancel> = traceChannel('thread_pool_cancel')

export interface PoolRun {
  readonly task: PoolTask
}
/** `thread_pool_run_begin`, `thread_pool_run_end`, in the thread of a pool: a task, up to its first `await` if it has one. */
export const threadPoolRun: TraceSpan<PoolRun> = new TraceSpan('thread_pool_run')

// Coroutines ----------------------------------------------------------------------------------------------------------------

export interface CoScheduled {
  readonly ctx: TraceContext
  /** The Coroutine. */
  readonly co: object
}
/** A coroutine is to be entered by a bottom half of a context. */
export const aioCoSchedule: TraceChannel<CoScheduled> = traceChannel('aio_co_schedule')
/** The bottom half enters it. */
export const aioCoScheduleBhCb: TraceChannel<CoScheduled> = traceChannel('aio_co_schedule_bh_cb')

export interface CoroutineRun {
  readonly co: { readonly name: string }
}
/** `coroutine_run_begin`, `coroutine_run_end`: a coroutine runs, until it yields or ends. */
export const coroutineRun: TraceSpan<CoroutineRun> = new TraceSpan('coroutine_run')

// Threads -------------------------------------------------------------------------------------------------------------------

export interface IOThreadEvent {
  readonly name: string
  /** Of node:worker_threads. */
  readonly threadId: number
}
/** In the thread that starts it. */
export const iothreadStart: TraceChannel<IOThreadEvent> = traceChannel('iothread_start')
/** The same thread has noticed that it has ended. */
export const iothreadStop: TraceChannel<IOThreadEvent> = traceChannel('iothread_stop')

export interface ThreadName {
  readonly name: string
}
/** In an I/O thread or a thread of a pool, at its start. */
export const threadName: TraceChannel<ThreadName> = traceChannel('thread_name')
