import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type Transferable,
  Worker,
} from 'node:worker_threads'
import type { BottomHalf } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { check, close, nativePath, O_CLOEXEC, own, pipe2 } from '@aiokit/sys'
import { packThrown, unpackThrown } from '@aiokit/task'
import type { EndMessage, Obituary, RequestMessage, ThreadData, ThreadMessage } from './messages.ts'
import type { ThreadOptions } from './thread-options.ts'
import { workerProgram } from './worker-program.ts'

/** A thread of a pool, as the pool sees it. */
export class StartedThread {
  readonly number: number
  /** Hangs up when the thread has ended. */
  readonly lifeline: number
  /** Settles when the thread has ended and Node has noticed. */
  readonly exited: Promise<void>
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #finished: BottomHalf
  /** What it said of its end. */
  #obituary: Obituary | null = null
  #cause: unknown
  /** The thread's end of the lifeline, held for it until it does so itself; -1 from then on. */
  #threadsEnd: number
  /** Received while looking for another. */
  readonly #received: Map<number, EndMessage> = new Map<number, EndMessage>()

  /**
   * @param finished what the thread schedules when there is something for the pool; its own, because a thread that dies
   *   while it schedules a bottom half may leave it of no use
   * @throws SystemError EMFILE; what `new Worker` throws
   */
  constructor(
    data: Omit<ThreadData, 'aiokitNative' | 'port' | 'lifeline' | 'finished'>,
    finished: BottomHalf,
    options: ThreadOptions,
  ) {
    const ends = new Int32Array(2)
    check(pipe2(ends, O_CLOEXEC), 'pipe2')
    const [lifeline, threadsEnd] = ends as unknown as [number, number]
    const { port1, port2 } = new MessageChannel()
    try {
      this.#worker = new Worker(workerProgram, {
        name: options.name,
        execArgv: options.execArgv,
        env: options.env,
        resourceLimits: options.resourceLimits,
        workerData: {
          ...data,
          aiokitNative: nativePath,
          port: port2,
          lifeline: threadsEnd,
          finished: finished.handle,
        } satisfies ThreadData,
        transferList: [port2],
      })
    } catch (error) {
      port1.close()
      close(lifeline)
      close(threadsEnd)
      throw error
    }
    own(lifeline)
    own(threadsEnd)
    this.#threadsEnd = threadsEnd
    this.number = data.thread
    this.lifeline = lifeline
    this.#port = port1
    this.#port.unref()
    this.#finished = finished
    this.#worker.unref()
    this.#worker.on('error', (error) => {
      this.#cause = error
    })
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.letGo()
        resolve()
      })
    })
  }

  /** @throws DataCloneError */
  send(message: RequestMessage, transfer: readonly Transferable[]): void {
    this.#port.postMessage(message, transfer)
  }

  /** What the thread has sent about the request in `slot`; it was sent before the request was said to have ended. */
  receive(slot: number): EndMessage {
    for (;;) {
      const message = this.#received.get(slot)
      if (message !== undefined) {
        this.#received.delete(slot)
        return message
      }
      if (!this.#receiveNext()) {
        const value = aioError(
          'ERR_AIO_RESULT_LOST',
          'What the task gave could not be made anew in this thread.',
        )
        return { slot, thrown: packThrown(value) }
      }
    }
  }

  /** How it ended, for an error message, and why; whether an error that nothing caught ended it. Only when its lifeline has hung up. */
  describeEnd(): { how: string; cause: unknown; uncaught: boolean } {
    while (this.#receiveNext());
    const obituary = this.#obituary
    if (obituary === null) {
      const how = 'by force: it was terminated, or out of memory (see resourceLimits)'
      return { how, cause: this.#cause, uncaught: false }
    }
    const { why, thrown } = obituary
    const uncaught = thrown !== undefined
    return { how: why, cause: uncaught ? unpackThrown(thrown) : this.#cause, uncaught }
  }

  #receiveNext(): boolean {
    const received = receiveMessageOnPort(this.#port)
    if (received === undefined) return false
    const message = received.message as ThreadMessage
    if ('why' in message) this.#obituary ??= message
    else this.#received.set(message.slot, message)
    return true
  }

  terminate(): void {
    void this.#worker.terminate()
  }

  /** The thread holds its end of the lifeline, or has ended: the lifeline is to hang up then. */
  letGo(): void {
    if (this.#threadsEnd >= 0) close(this.#threadsEnd)
    this.#threadsEnd = -1
  }

  /** The thread has ended, or was terminated; Node is to notice before the process ends. */
  dispose(): void {
    this.letGo()
    this.#worker.ref()
    this.#finished.delete()
    this.#port.close()
    close(this.lifeline)
  }
}
