import { type BottomHalfHandle, RemoteBottomHalf, SharedStates } from '@aiokit/bottom-halves'
import { aioError, requireObject, requireString } from '@aiokit/errors'
import { NotifyGate, type NotifyGateHandle } from '@aiokit/notifier'
import { requireTask, type Task } from '@aiokit/task'
import type { RemoteTasksHandle } from './remote-tasks.ts'
import { TaskChannel } from './task-channel.ts'

/** What another thread needs that only schedules shared bottom halves of a context: structured-cloneable. */
export interface LoopHandle {
  readonly gate: NotifyGateHandle
  readonly states: Int32Array
}

/** What another thread needs to reach a context: structured-cloneable, for any number of threads. */
export interface AioContextHandle extends LoopHandle {
  readonly name: string
  readonly tasks: RemoteTasksHandle
}

/**
 * A context of another thread, from where one may wake it and schedule what it is to do. Nothing here waits, and a
 * system call is made only if that thread sleeps (rule N1).
 */
export class RemoteContext implements Disposable {
  /** The context's name. */
  readonly name: string
  readonly #gate: NotifyGate
  readonly #states: SharedStates
  readonly #tasks: string
  readonly #arrived: RemoteBottomHalf
  #channel: TaskChannel | null = null
  #closed = false

  private constructor(handle: AioContextHandle) {
    const { name, gate, states, tasks } = requireObject(handle, 'handle')
    this.name = requireString(name, 'handle.name')
    const { channel, arrived } = requireObject(tasks, 'handle.tasks')
    this.#tasks = requireString(channel, 'handle.tasks.channel')
    this.#states = new SharedStates(states)
    this.#gate = new NotifyGate(gate)
    this.#arrived = new RemoteBottomHalf(this.#gate, this.#states, arrived)
  }

  /**
   * The context that `handle` (its `ctx.handle`) is of. It has a descriptor of its own, until it is closed or forgotten.
   *
   * @throws `ERR_AIO_CLOSED` if the context is closed already; `ERR_AIO_INVALID_ARG_TYPE`; SystemError EMFILE
   */
  static from(handle: AioContextHandle): RemoteContext {
    return new RemoteContext(handle)
  }

  /**
   * Makes a poll of the context that is blocking, or else the next one, return at once. Nothing if it is closed.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`
   */
  notify(): void {
    this.#requireOpen()
    this.#gate.notify()
  }

  /**
   * One of the context's bottom halves, created with `{ shared: true }`, by its `handle`.
   *
   * @throws `ERR_AIO_WRONG_CONTEXT` if it is another context's; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED`
   */
  bottomHalf(handle: BottomHalfHandle): RemoteBottomHalf {
    this.#requireOpen()
    return new RemoteBottomHalf(this.#gate, this.#states, handle)
  }

  /**
   * Calls a function with `argument`, once, in a following poll of the context (rule B7). It is loaded there at once,
   * so its module has no top-level `await`; what it throws leaves that poll. Those of one thread run in their order, but
   * not always before or after bottom halves that it schedules.
   *
   * In a worker whose loop Node runs (`attach()`, `run()`) the module is loaded by import(), the first time, and those
   * behind it wait for that; a nested poll that begins meanwhile has to return first. A worker that polls by hand and may be
   * terminated should import() the module itself before: while it is loaded in a poll, Node 20 and 22 crash then.
   *
   * This costs microseconds, and some memory in other threads that did the same without turning their Node loop since:
   * for what happens often share a bottom half.
   *
   * Returns false, and nothing will run, if the context is closed.
   *
   * @param argument anything that postMessage() can clone
   * @throws DataCloneError; `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_CLOSED` after `close()`
   */
  scheduleOneshot<A>(task: Task<A>, argument: A): boolean {
    requireTask(task)
    this.#requireOpen()
    const channel = this.#channel ?? this.#openChannel()
    // What other threads have sent to the context is here as well.
    while (channel.receive() !== null);
    channel.send({ task, argument })
    return this.#arrived.schedule()
  }

  /** Lets go of the descriptor. The context is not concerned. May be called twice. */
  close(): void {
    this.#closed = true
    this.#closeChannel()
    this.#gate.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #openChannel(): TaskChannel {
    this.#channel = new TaskChannel(this.#tasks, false)
    // A burst shares it; then it would only collect what others send.
    setImmediate(() => this.#closeChannel()).unref()
    return this.#channel
  }

  #closeChannel(): void {
    this.#channel?.close()
    this.#channel = null
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw aioError(
        'ERR_AIO_CLOSED',
        `This RemoteContext of "${this.name}" is closed: make another with RemoteContext.from(handle).`,
      )
    }
  }
}
