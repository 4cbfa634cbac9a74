import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { RemoteBottomHalf, SharedStates } from '@aiokit/bottom-halves'
import { aioError } from '@aiokit/errors'
import { NotifyGate } from '@aiokit/notifier'
import { monotonicNs } from '@aiokit/sys'
import { importTask, isMoved, packThrown, type TaskFunction } from '@aiokit/task'
import { type PoolTask, threadPoolRun } from '@aiokit/trace'
import type { RequestMessage, ThreadData, ThreadMessage } from './messages.ts'
import { BY_MESSAGE, FAILED, type PoolMemory } from './pool-memory.ts'
import { Spin } from './spin.ts'
import { TaskFunctions } from './task-functions.ts'
import { ASLEEP, BUSY, LEAVING, LOOKING, type ThreadStates } from './thread-states.ts'

/**
 * How often an idle thread looks for work before it sleeps, at least: some 4 us. Whoever has just heard a result often has the
 * next request at once, and a thread that sleeps too early has to be woken for each.
 */
const LEAST_LOOKS = 600

/** Tasks after which Node's loop of the thread gets a turn although there are more. */
const TASKS_PER_TURN = 1024

/** What a thread of a pool does: it takes requests, runs their tasks, and says what came of them. */
export class PoolThread {
  readonly #memory: PoolMemory
  readonly #states: ThreadStates
  readonly #thread: number
  readonly #port: MessagePort
  readonly #finished: RemoteBottomHalf
  readonly #measure: boolean
  readonly #functions: TaskFunctions = new TaskFunctions()
  /** What they are called. */
  readonly #tasks: WeakMap<TaskFunction, PoolTask> = new WeakMap<TaskFunction, PoolTask>()
  readonly #spin: Spin = new Spin(LEAST_LOOKS)
  #state: number = LOOKING

  constructor(memory: PoolMemory, threads: ThreadStates, data: ThreadData) {
    const { thread, port, gate, states, finished, measure } = data
    this.#memory = memory
    this.#states = threads
    this.#thread = thread
    this.#port = port
    this.#port.unref()
    this.#finished = new RemoteBottomHalf(new NotifyGate(gate), new SharedStates(states), finished)
    this.#measure = measure
    process.on('uncaughtExceptionMonitor', (error) => {
      this.#send({ why: 'of an error that nothing caught', thrown: packThrown(error) })
    })
    // The owner holds this thread's end of the lifeline for as long as it does not know that it is held here.
    this.#finished.schedule()
    process.on('beforeExit', () => this.#send({ why: 'with a task whose promise nothing is left to settle' }))
    process.on('exit', (code) => this.#send({ why: `by process.exit(${code})` }))
  }

  async run(): Promise<void> {
    const memory = this.#memory
    for (let tasks = 1; ; tasks++) {
      const slot = memory.take(this.#thread)
      if (slot >= 0) {
        this.#becomeBusy()
        if (tasks % TASKS_PER_TURN === 0) await new Promise(setImmediate)
        // Not awaited if it need not be: that would cost more than most tasks.
        const ended = this.#runTask(slot)
        if (ended !== undefined) await ended
      } else {
        this.#become(LOOKING)
        if (await this.#idle()) break
      }
      if (this.#states.isDismissed(this.#thread)) {
        this.#become(LEAVING)
        break
      }
    }
    // What tasks have left in Node's loop must not keep the thread here.
    process.exit(0)
  }

  /** Waits for work. Returns whether the thread is to end instead. */
  async #idle(): Promise<boolean> {
    const memory = this.#memory
    const states = this.#states
    if (this.#spin.until(this.#hasWork)) return false
    // Promises, ticks and immediates that tasks have left. They may take long, and are nobody's looking for work.
    if (hasLoopWork()) this.#become(BUSY)
    await new Promise(setImmediate)
    this.#become(ASLEEP)
    // Pairs with wakeOne(): whoever adds work looks at the state after that.
    if (memory.queued > 0) return false
    if (!states.isDismissed(this.#thread)) {
      let idleForLong: boolean
      if (hasLoopWork()) {
        // The loop would end when nothing else is left in it.
        this.#port.ref()
        idleForLong = await states.sleepAside(this.#thread, states.idleMs)
        this.#port.unref()
      } else {
        idleForLong = states.sleep(this.#thread, states.idleMs)
      }
      // Also a thread that is asleep is woken for nothing: by what was to end an earlier sleep and comes late.
      if (!idleForLong && !states.isDismissed(this.#thread)) return false
    }
    const mayLeave = (): boolean =>
      states.isDismissed(this.#thread) ||
      (memory.queued === 0 && states.threadsBeside(this.#thread) >= states.minThreads)
    // Again when it has said so: two that leave at the same time do not count each other, and rather stay both than go
    // both. Not if it was woken meanwhile.
    if (mayLeave() && states.move(this.#thread, ASLEEP, LEAVING)) {
      this.#state = LEAVING
      return mayLeave()
    }
    return false
  }

  readonly #hasWork = (): boolean => this.#memory.queued > 0

  #become(state: number): void {
    this.#state = state
    this.#states.setState(this.#thread, state)
  }

  #becomeBusy(): void {
    if (this.#state === BUSY) return
    this.#become(BUSY)
    // While it was looking others were not woken for its sake.
    if (this.#memory.queued > 0) this.#states.wakeOne()
  }

  /** A promise if the task takes more than this call. */
  #runTask(slot: number): Promise<void> | undefined {
    const run = this.#functions.get(this.#memory.taskOf(slot))
    return run === undefined ? this.#load(slot) : this.#call(slot, run, null)
  }

  #call(slot: number, run: TaskFunction, message: RequestMessage | null): Promise<void> | undefined {
    const memory = this.#memory
    const started = this.#measure ? monotonicNs() : 0
    let result: unknown
    try {
      const inMemory = memory.kindOf(slot) !== BY_MESSAGE
      const argument = inMemory ? memory.read(slot) : (message ?? this.#fetch(slot)).argument
      result = threadPoolRun.hasSubscribers ? this.#runTraced(run, argument) : run(argument)
      if (typeof result === 'object' && typeof (result as PromiseLike<unknown> | null)?.then === 'function') {
        return this.#await(slot, started, result as PromiseLike<unknown>)
      }
    } catch (error) {
      this.#fail(slot, started, error)
      return undefined
    }
    this.#succeed(slot, started, result)
    return undefined
  }

  #runTraced(run: TaskFunction, argument: unknown): unknown {
    const span = threadPoolRun.begin({ task: this.#tasks.get(run)! })
    try {
      return run(argument)
    } finally {
      threadPoolRun.end(span)
    }
  }

  /** Loads the task of a request and runs it. Not with require(): Node 20 crashes if the thread is terminated meanwhile. */
  async #load(slot: number): Promise<void> {
    const number = this.#memory.taskOf(slot)
    let task = this.#memory.names.read(number)
    let message: RequestMessage | null = null
    let run: TaskFunction
    try {
      if (task === null) {
        message = this.#fetch(slot)
        task = message.task
      }
      run = await importTask(task)
    } catch (error) {
      this.#fail(slot, 0, error)
      return
    }
    this.#functions.add(number, run)
    this.#tasks.set(run, task)
    await this.#call(slot, run, message)
  }

  async #await(slot: number, started: number, promise: PromiseLike<unknown>): Promise<void> {
    try {
      this.#succeed(slot, started, await promise)
    } catch (error) {
      this.#fail(slot, started, error)
    }
  }

  #succeed(slot: number, started: number, result: unknown): void {
    try {
      const { value, transfer } = isMoved(result) ? result : { value: result, transfer: [] }
      if (transfer.length > 0) this.#memory.setKind(slot, BY_MESSAGE)
      if (transfer.length > 0 || !this.#memory.write(slot, value)) {
        this.#port.postMessage({ slot, result: value } satisfies ThreadMessage, transfer)
      }
    } catch (error) {
      // It cannot be cloned, or a getter of it throws.
      this.#fail(slot, started, error)
      return
    }
    this.#finish(slot, started)
  }

  #fail(slot: number, started: number, error: unknown): void {
    this.#memory.setKind(slot, FAILED)
    this.#send({ slot, thrown: packThrown(error) })
    this.#finish(slot, started)
  }

  #finish(slot: number, started: number): void {
    const memory = this.#memory
    if (this.#measure) {
      const now = monotonicNs()
      memory.setTimes(slot, started === 0 ? now : started, now)
    }
    memory.setDone(slot, this.#thread)
    // Only the first one notifies: the owner takes all that there are then.
    if (memory.finished.push(slot)) this.#finished.schedule()
  }

  /**
   * What is not in shared memory of a request: its task, and perhaps its argument. The owner sends it, in a poll, to the
   * thread that has taken the request.
   */
  #fetch(slot: number): RequestMessage {
    const states = this.#states
    states.want(this.#thread, slot)
    this.#finished.schedule()
    states.awaitWanted(this.#thread, slot)
    // There is one message only, because no other was asked for.
    const received = receiveMessageOnPort(this.#port)
    if (received !== undefined) return received.message as RequestMessage
    throw aioError(
      'ERR_AIO_ARGUMENT_LOST',
      'The argument could not be made anew in the thread of the task: give it as something else.',
    )
  }

  #send(message: ThreadMessage): void {
    this.#port.postMessage(message)
  }
}

/** Whether tasks have left something in Node's loop: timers, descriptors, requests, ports. */
function hasLoopWork(): boolean {
  return process.getActiveResourcesInfo().some((kind) => kind !== 'CloseReq')
}
