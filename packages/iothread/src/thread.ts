import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { AioContext, type BottomHalf } from '@aiokit/aio'
import { type Co, Coroutine } from '@aiokit/coroutine'
import { aioTypeError, describe } from '@aiokit/errors'
import {
  importTask,
  isMoved,
  loadTask,
  packThrown,
  type TaskFunction,
  type ThrownMessage,
} from '@aiokit/task'
import type { CallMessage, OwnerMessage, ThreadData, ThreadMessage } from './messages.ts'

/** Calls that one run of the bottom half begins: those who call must not keep others from being served. */
const BATCH = 64

/** What an I/O thread does beside polling its context: it receives calls, runs them and says what came of them. */
export class Thread {
  readonly #data: ThreadData
  readonly #port: MessagePort
  #ctx!: AioContext
  #arrived!: BottomHalf
  /** Calls that have not begun, oldest first, by their ids. */
  readonly #waiting: Map<number, CallMessage> = new Map<number, CallMessage>()
  /** Of those no older one waits: a Map forgets only now and then where its first entries were. */
  #oldest = 0
  #newest = -1
  /** Those that are running, of the calls that gave a coroutine. */
  readonly #coroutines: Map<number, Coroutine<unknown>> = new Map<number, Coroutine<unknown>>()
  /** What was loaded, by module and export. */
  readonly #functions: Map<string, TaskFunction> = new Map<string, TaskFunction>()
  #isReady = false
  #isLoading = false
  #stopping = false
  #ending = false
  #stopped = false
  /** What is about to end the thread, should it. */
  #thrown: ThrownMessage | undefined

  constructor(data: ThreadData) {
    this.#data = data
    this.#port = data.port
    process.on('uncaughtExceptionMonitor', (error) => {
      this.#thrown = packThrown(error)
      setImmediate(this.#lives)
    })
    process.on('exit', (code) => this.#sendObituary(code))
  }

  start(): void {
    this.#start().catch((error) => this.#die(error))
  }

  async #start(): Promise<void> {
    const { context, contextOptions, module, poll } = this.#data
    const ctx = await (await importTask(context))(contextOptions)
    if (!(ctx instanceof AioContext)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `Export "${context.exportName}" of ${context.module} must return an AioContext. It returned ${describe(ctx)}.`,
      )
    }
    ctx.setPollParams(poll)
    ctx.makeCurrent()
    this.#ctx = ctx
    this.#arrived = ctx.createBottomHalf(() => this.#receive(), { name: 'calls', shared: true })
    // Before the module is loaded, which may wait for something of the context at its top level.
    ctx.run().catch((error) => this.#die(error))
    if (module !== undefined) await import(module)
    this.#isReady = true
    this.#send({ context: ctx.handle, arrived: this.#arrived.handle })
    // For what has been sent meanwhile.
    this.#arrived.schedule()
  }

  async #stop(): Promise<void> {
    try {
      this.#arrived.delete()
      this.#ctx.close()
    } catch (error) {
      this.#die(error)
    }
    // Calls may end because of that.
    await new Promise(setImmediate)
    this.#stopped = true
    // What else is in Node's loop must not keep the thread here.
    process.exit(0)
  }

  /** What was thrown has not ended the thread: another end would not be due to it. */
  readonly #lives = (): void => {
    this.#thrown = undefined
  }

  #die(error: unknown): never {
    this.#thrown = packThrown(error)
    process.exit(1)
  }

  #sendObituary(code: number): void {
    if (this.#stopped) this.#send({ how: null })
    else if (this.#thrown === undefined) this.#send({ how: `by process.exit(${code})` })
    else this.#send({ how: 'of an error that nothing caught', cause: this.#thrown })
  }

  /** Begins what waits, in its order, and ends the thread when nothing does. A nested poll goes on with what is left. */
  #receive(): void {
    this.#lives()
    if (this.#isReady) this.#beginCalls()
    if (!this.#stopping || this.#waiting.size > 0 || this.#isLoading || this.#ending) return
    this.#ending = true
    // Not from inside a poll: a context is not to be closed there.
    setImmediate(() => this.#stop())
  }

  #beginCalls(): void {
    for (let begun = 0; begun < BATCH; begun++) {
      this.#takeMessages()
      const call = this.#next()
      if (call === undefined || this.#isLoading) return
      // Not when this returns: what is called may wait for another call.
      if (this.#waiting.size > 1) this.#arrived.schedule()
      this.#begin(call)
    }
    this.#arrived.schedule()
  }

  /** The oldest call that waits. */
  #next(): CallMessage | undefined {
    while (this.#oldest < this.#newest && !this.#waiting.has(this.#oldest)) this.#oldest++
    return this.#waiting.get(this.#oldest)
  }

  #begin(call: CallMessage): void {
    const key = keyOf(call)
    let run = this.#functions.get(key)
    if (run === undefined) {
      // Node 20 can crash if the thread is terminated while require() loads.
      if (AioContext.depth === 1) {
        void this.#load(call)
        return
      }
      try {
        // At once if it can be: a nested poll, which runs no promises, may be waiting for this call.
        run = loadTask(call.task)
      } catch (error) {
        if (mustBeImported(error)) void this.#load(call)
        else {
          this.#waiting.delete(call.id)
          this.#fail(call.id, error)
        }
        return
      }
      this.#functions.set(key, run)
    }
    this.#waiting.delete(call.id)
    this.#run(call, run)
  }

  #takeMessages(): void {
    for (;;) {
      const message = receiveMessageOnPort(this.#port)?.message as OwnerMessage | undefined
      if (message === undefined) return
      if ('id' in message) {
        this.#newest = message.id
        this.#waiting.set(message.id, message)
      } else if ('stop' in message) this.#stopping = true
      else if (!this.#waiting.delete(message.abort)) this.#coroutines.get(message.abort)?.cancel()
    }
  }

  /** Those behind it wait until it is loaded. */
  async #load(call: CallMessage): Promise<void> {
    this.#isLoading = true
    try {
      this.#functions.set(keyOf(call), await importTask(call.task))
    } catch (error) {
      // It may have been aborted.
      if (this.#waiting.delete(call.id)) this.#fail(call.id, error)
    }
    this.#isLoading = false
    this.#arrived.schedule()
  }

  #run({ id, argument }: CallMessage, run: TaskFunction): void {
    let result: unknown
    try {
      result = run(argument)
      if (isCoroutine(result)) result = this.#enter(id, result)
    } catch (error) {
      this.#fail(id, error)
      return
    }
    // A result that throws when it is looked at is the caller's business, not the thread's end.
    let isPromise = false
    try {
      isPromise = typeof (result as PromiseLike<unknown> | null)?.then === 'function'
    } catch (error) {
      this.#fail(id, error)
      return
    }
    if (!isPromise) this.#succeed(id, result)
    else {
      // Not Promise.resolve(), which looks at it as well.
      new Promise((resolve) => resolve(result)).then(
        (value) => this.#succeed(id, value),
        (error) => this.#fail(id, error),
      )
    }
  }

  #enter(id: number, generator: Co<unknown>): Promise<unknown> {
    const co = new Coroutine(() => generator, { name: 'call' })
    this.#coroutines.set(id, co)
    // Asked for first: then an error is the caller's and nobody else's.
    const { promise } = co
    co.enter(this.#ctx)
    return promise.finally(() => this.#coroutines.delete(id))
  }

  #succeed(id: number, result: unknown): void {
    try {
      const { value, transfer } = isMoved(result) ? result : { value: result, transfer: [] }
      this.#port.postMessage({ id, result: value } satisfies ThreadMessage, transfer)
    } catch (error) {
      this.#fail(id, error)
    }
  }

  #fail(id: number, error: unknown): void {
    this.#send({ id, thrown: packThrown(error) })
  }

  #send(message: ThreadMessage): void {
    this.#port.postMessage(message)
  }
}

function keyOf({ task }: CallMessage): string {
  return `${task.exportName} ${task.module}`
}

/** The module awaits something at its top level, is being loaded, or is no file. */
function mustBeImported(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } }
  return (
    code === 'ERR_AIO_TASK_MODULE' && (cause === undefined || String(cause?.code).startsWith('ERR_REQUIRE_'))
  )
}

/** What a generator function returns. */
function isCoroutine(value: unknown): value is Co<unknown> {
  return Object.prototype.toString.call(value) === '[object Generator]'
}
