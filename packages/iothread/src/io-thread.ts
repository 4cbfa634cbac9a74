import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type Transferable,
  Worker,
} from 'node:worker_threads'
import { type RemoteBottomHalf, RemoteContext } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { checkTaskOptions, requireTask, type Task, type TaskOptions, unpackThrown } from '@aiokit/task'
import { host, realtime, virtual } from '@aiokit/timers'
import { iothreadStart, iothreadStop } from '@aiokit/trace'
import { describeCrash } from './crash.ts'
import type { AnswerMessage, Obituary, OwnerMessage, ThreadData, ThreadMessage } from './messages.ts'
import { checkOptions, type IOThreadOptions } from './options.ts'
import { Outcome } from './outcome.ts'
import { PendingCall } from './pending-call.ts'
import { workerProgram } from './worker-program.ts'

export interface CallOptions extends TaskOptions {
  /** The caller hears the signal's reason at once; the call does not begin, or if it is a coroutine is cancelled. */
  signal?: AbortSignal
}

/**
 * A worker thread whose loop is an AioContext. What it does is in modules: one that it loads when it starts, and those
 * whose exports are called in it.
 *
 * Promises here settle in Node's loop of the thread that made this, which a `poll()` there does not run.
 */
export class IOThread implements AsyncDisposable {
  readonly name: string
  readonly #worker: Worker
  readonly #threadId: number
  readonly #port: MessagePort
  readonly #calls: Map<number, PendingCall> = new Map<number, PendingCall>()
  #nextId = 0
  readonly #ready: Outcome = new Outcome()
  readonly #ended: Outcome = new Outcome()
  #remote: RemoteContext | null = null
  /** Scheduled when the thread has been sent something. */
  #arrived: RemoteBottomHalf | null = null
  /** By `stop()` or `terminate()`. */
  #stopping = false
  #terminated = false
  /** What the thread said of its end, and what Node did. */
  #obituary: Obituary | null = null
  #cause: unknown
  #crash: Error | null = null
  #isOver = false
  #isWanted = false
  #keepsAlive = true

  /**
   * Starts the thread; `ready` says when it is there. It may be called at once.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_RELATIVE_MODULE`; DataCloneError; what `new Worker` throws
   */
  constructor(options: IOThreadOptions) {
    const { name, context, contextOptions, module, poll, worker } = checkOptions(options)
    this.name = name
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    try {
      this.#worker = new Worker(workerProgram, {
        ...worker,
        name,
        workerData: { port: port2, name, context, contextOptions, module, poll } satisfies ThreadData,
        transferList: [port2],
      })
    } catch (error) {
      port1.close()
      throw error
    }
    this.#threadId = this.#worker.threadId
    if (iothreadStart.hasSubscribers) iothreadStart.publish({ name, threadId: this.#threadId })
    port1.on('message', (message: ThreadMessage) => this.#received(message))
    port1.on('messageerror', (error) => this.#giveUp(error))
    // It is the worker that keeps the process alive, when it is to.
    port1.unref()
    this.#worker.on('error', (error) => {
      this.#cause = error
    })
    this.#worker.once('exit', () => this.#exited())
  }

  /** When the context is there and `module` is loaded. Rejects as calls do if the thread ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /**
   * When the thread has ended because of `stop()` or `terminate()`. Rejects with `ERR_AIO_THREAD_DIED`, whose cause says
   * more, if it ended otherwise.
   *
   * Of a thread that dies every pending call hears; if there is none, and nobody has asked for this or waits for `ready`
   * or `stop()`, the error is an uncaught one of this thread.
   */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /**
   * The thread's context, to notify it and to schedule things on it. Closed when the thread ends.
   *
   * @throws `ERR_AIO_NOT_READY` before `ready`; `ERR_AIO_CLOSED`, `ERR_AIO_THREAD_DIED` after the end
   */
  get remote(): RemoteContext {
    if (this.#remote !== null && !this.#isOver) return this.#remote
    if (!this.#ready.isSettled) {
      throw aioError(
        'ERR_AIO_NOT_READY',
        `I/O thread "${this.name}" has not made its context yet: await thread.ready first.`,
      )
    }
    throw this.#endError()
  }

  /**
   * Runs `task` with `argument` inside the thread, called by its context, asleep or not. A function may return a value, a
   * promise, or, as a generator function does, a coroutine, which is entered on the context. `AioContext.current` is the
   * thread's context in there.
   *
   * Calls begin in the order in which they were made, when the thread is ready. What is thrown comes back with its stack,
   * code and cause; it does not end the thread.
   *
   * @throws (rejects with) what the task throws; `ERR_AIO_TASK_MODULE`, `ERR_AIO_NO_TASK`; `ERR_AIO_THREAD_DIED` if the
   *   thread ends in the middle, `ERR_AIO_THREAD_STOPPED` if it is stopped; `ERR_AIO_CLOSED` if it was stopped before;
   *   the reason of the signal; `ERR_AIO_INVALID_ARG_TYPE`; DataCloneError
   */
  call<A, R>(task: Task<A, R>, argument: A, options: CallOptions = {}): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const { module, exportName } = requireTask(task)
      if (this.#isOver || this.#stopping) throw this.#endError()
      const { transfer, signal } = checkTaskOptions(options)
      const id = this.#nextId++
      this.#send({ id, task: { module, exportName }, argument }, transfer)
      const settle = resolve as (value: unknown) => void
      this.#calls.set(id, new PendingCall(id, settle, reject, signal, this.#aborted))
      this.#keepAlive()
    })
  }

  /**
   * Ends the thread: calls that were made before begin, then its loop ends and its context is closed, with all that is on
   * it (`ctx.onClose`). Calls that have not ended by then fail with `ERR_AIO_THREAD_STOPPED`. May be called again, also
   * when the thread has died.
   *
   * It waits for callbacks that are running, and for modules that are being loaded; see `terminate()`.
   *
   * @throws (rejects with) `ERR_AIO_THREAD_DIED` if closing the context throws, or the thread dies in another way meanwhile
   */
  stop(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    if (!this.#stopping) {
      this.#stopping = true
      this.#send({ stop: true })
      this.#keepAlive()
    }
    return this.ended
  }

  /**
   * Ends the thread wherever it is: for one that does not come back to its loop. Its calls fail with
   * `ERR_AIO_THREAD_STOPPED`. Requests that it has with the kernel are cancelled, and its context's descriptors closed;
   * descriptors of its own, unless it has told `sys.own(fd)`, stay open.
   */
  terminate(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#stopping = true
    this.#terminated = true
    this.#keepAlive()
    void this.#worker.terminate()
    return this.ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Keeps the process alive for as long as the thread is there, which otherwise a thread does not that has nothing to do. */
  ref(): void {
    this.#isWanted = true
    this.#keepAlive()
  }

  /** Undoes `ref()`: the process lives while the thread starts, stops or has calls to answer. */
  unref(): void {
    this.#isWanted = false
    this.#keepAlive()
  }

  #keepAlive(): void {
    const keepsAlive = this.#isWanted || this.#stopping || this.#calls.size > 0 || !this.#ready.isSettled
    if (keepsAlive === this.#keepsAlive) return
    this.#keepsAlive = keepsAlive
    if (keepsAlive) this.#worker.ref()
    else this.#worker.unref()
  }

  #send(message: OwnerMessage, transfer: readonly Transferable[] = []): void {
    this.#port.postMessage(message, transfer)
    this.#arrived?.schedule()
  }

  readonly #aborted = ({ id }: PendingCall): void => {
    this.#calls.delete(id)
    this.#send({ abort: id })
    this.#keepAlive()
  }

  #received(message: ThreadMessage): void {
    if ('id' in message) this.#answer(message)
    else if ('how' in message) this.#obituary = message
    else {
      try {
        this.#remote = RemoteContext.from(message.context)
        this.#arrived = this.#remote.bottomHalf(message.arrived)
        // For what was sent before and arrived after the thread looked.
        this.#arrived.schedule()
      } catch (error) {
        // Closed already: the thread was stopped as soon as it was there, and is about to end.
        if ((error as { code?: unknown }).code !== 'ERR_AIO_CLOSED') {
          this.#giveUp(error)
          return
        }
      }
      this.#ready.settle(null)
    }
    this.#keepAlive()
  }

  #answer(answer: AnswerMessage): void {
    const call = this.#calls.get(answer.id)
    // It was aborted.
    if (call === undefined) return
    this.#calls.delete(answer.id)
    if ('thrown' in answer) call.fail(unpackThrown(answer.thrown))
    else call.succeed(answer.result)
  }

  /** The thread cannot be reached, or what it said cannot be understood: it would be waited for for ever. */
  #giveUp(error: unknown): void {
    this.#cause = error
    void this.#worker.terminate()
  }

  #exited(): void {
    // What it said before.
    for (;;) {
      const received = receiveMessageOnPort(this.#port)
      if (received === undefined) break
      this.#received(received.message as ThreadMessage)
    }
    this.#port.close()
    this.#remote?.close()
    // A callback of a timer that was cut off will never end, and stopping the clock would wait for it.
    for (const clock of [realtime, host, virtual]) clock.forgetThread(this.#threadId)

    const isExpected = this.#terminated || this.#obituary?.how === null
    const isHeard =
      this.#calls.size > 0 ||
      this.#stopping ||
      this.#ended.isAwaited ||
      (this.#ready.isAwaited && !this.#ready.isSettled)
    if (iothreadStop.hasSubscribers) iothreadStop.publish({ name: this.name, threadId: this.#threadId })
    if (!isExpected) this.#crash = describeCrash(this.name, this.#obituary, this.#cause)
    this.#isOver = true
    for (const call of this.#calls.values()) call.fail(this.#crash ?? this.#stoppedError())
    this.#calls.clear()
    this.#ready.settle(this.#crash ?? this.#stoppedError())
    this.#ended.settle(this.#crash)
    if (this.#crash !== null && !isHeard) throw this.#crash
  }

  #stoppedError(): Error {
    return aioError(
      'ERR_AIO_THREAD_STOPPED',
      `I/O thread "${this.name}" was stopped before this had ended: wait for it before you stop the thread.`,
    )
  }

  /** For who comes too late. */
  #endError(): Error {
    if (this.#crash !== null) return this.#crash
    return aioError('ERR_AIO_CLOSED', `I/O thread "${this.name}" is stopped: make a new IOThread.`)
  }
}
