import type { Op } from './access.ts'

/** Ends a thread. */
export const EXIT: unique symbol = Symbol('process.exit()')

interface Kernel {
  allocate(): number
  access(op: Op, address: number, a: number): number
  exit(): never
}

/** What `new Worker` was given of a thread of a pool. */
export interface WorkerData {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly lifeline: number
  readonly finished: { readonly loop: number; readonly id: number; readonly generation: number }
}

/** A message says which slot it is about, and a number below 16. */
type Message = { slot: number; argument?: number; result?: number }

/** An end of a message channel that holds one message about a slot each way. */
class Port {
  readonly #kernel: Kernel
  readonly #outbox: number
  readonly #inbox: number

  constructor(kernel: Kernel, outbox: number, inbox: number) {
    this.#kernel = kernel
    this.#outbox = outbox
    this.#inbox = inbox
  }

  /** What is not about a slot is not explored: which tasks there are, and last words. */
  postMessage(message: Message): void {
    if (!('slot' in message)) return
    const value = message.argument ?? message.result ?? 0
    this.#kernel.access('send', this.#outbox, (message.slot + 1) * 16 + value)
  }

  /** @internal */
  receive(): { message: object } | undefined {
    const sent = this.#kernel.access('receive', this.#inbox, 0)
    if (sent === 0) return undefined
    const [slot, value] = [(sent >> 4) - 1, sent & 15]
    return { message: { slot, argument: value, result: value } }
  }

  ref(): void {}
  unref(): void {}
  close(): void {}
}

/**
 * In the place of worker threads and of what they have of Node. A scenario has so many threads from the beginning; one
 * that the code starts is one of those, which the scenario has wait for that.
 */
export class SimulatedThreads {
  /** Of the threads that were started in the setup. */
  readonly started: WorkerData[] = []
  /** What a task does, whichever it is; by the body of the thread that runs it. */
  task: (argument: number) => unknown = () => undefined
  readonly process: typeof process
  readonly modules: Record<string, unknown>
  #isStarting: ((data: WorkerData) => void) | null = null

  constructor(kernel: Kernel) {
    this.process = {
      ...process,
      on() {},
      exit: kernel.exit,
      getActiveResourcesInfo: () => [],
      emitWarning(warning: string) {
        throw new Error(warning)
      },
    } as unknown as typeof process
    const threads = this
    class Worker {
      constructor(_program: URL, { workerData }: { workerData: WorkerData }) {
        if (threads.#isStarting === null) threads.started.push(workerData)
        else threads.#isStarting(workerData)
      }
      on(): void {}
      once(): void {}
      ref(): void {}
      unref(): void {}
    }
    class MessageChannel {
      readonly port1: Port
      readonly port2: Port

      constructor() {
        const [one, other] = [kernel.allocate(), kernel.allocate()]
        this.port1 = new Port(kernel, one, other)
        this.port2 = new Port(kernel, other, one)
      }
    }
    this.modules = {
      'node:worker_threads': {
        getEnvironmentData: (): undefined => undefined,
        isMainThread: true,
        BroadcastChannel: class {
          unref(): void {}
          close(): void {}
        },
        MessageChannel,
        Worker,
        receiveMessageOnPort: (port?: Port) => port?.receive?.(),
      },
      '@aiokit/task': {
        requireTask: (task: unknown) => task,
        checkTaskOptions: (options: object) => options,
        listenForAbort() {},
        forgetAbort() {},
        isMoved: () => false,
        importTask: () => (argument: number) => threads.task(argument),
        packThrown: () => 0,
        unpackThrown: () => new Error('thrown by a task'),
      },
    }
  }

  /** From now on `starting` is told what is started: the setup has ended, or is about to. */
  whenStarted(starting: (data: WorkerData) => void): void {
    this.#isStarting = starting
  }

  /** @internal */
  clear(): void {
    this.started.length = 0
    this.#isStarting = null
    this.task = () => undefined
  }
}
