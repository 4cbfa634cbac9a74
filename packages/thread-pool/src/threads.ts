import type { AioContext, LoopHandle, Timer } from '@aiokit/aio'
import { realtime } from '@aiokit/timers'
import type { PoolMemory } from './pool-memory.ts'
import type { PoolRequest } from './pool-request.ts'
import { StartedThread } from './started-thread.ts'
import type { ThreadOptions } from './thread-options.ts'
import { LEAVING, LOOKING, NOT_THERE, type ThreadStates } from './thread-states.ts'

/**
 * How long a thread may take to start, which is some 30 ms. One that ends before it has started is noticed by Node's loop
 * only, and by this in a program that does nothing but poll.
 */
const START_TIMEOUT_NS = 20e9

/** The same when the pool is being closed, and nothing is lost by ending one that takes longer. */
const CLOSE_TIMEOUT_NS = 2e9

/** What the threads of a pool tell it. */
export interface ThreadsOwner {
  /** Threads have finished requests, or want to know what they have begun. */
  finished(): void
  /** A thread is no more: `number` is free again. `expected` if it was asked to go, or had nothing to do. */
  ended(thread: StartedThread, expected: boolean): void
}

/** The threads of a pool: starts them, dismisses them, notices their end. */
export class Threads {
  readonly #ctx: AioContext
  readonly #memory: PoolMemory
  readonly #states: ThreadStates
  readonly #options: ThreadOptions & { readonly measure: boolean }
  readonly #owner: ThreadsOwner
  readonly #handle: LoopHandle
  /** By number; null for one that is free, undefined for one that is not yet. */
  readonly #threads: (StartedThread | null | undefined)[] = []
  readonly #startTimer: Timer
  /** Some may not have started. */
  #isStarting = false
  /** Those that are there, those that are about to go included. */
  count = 0

  constructor(
    ctx: AioContext,
    memory: PoolMemory,
    states: ThreadStates,
    options: ThreadOptions & { readonly measure: boolean },
    owner: ThreadsOwner,
  ) {
    this.#ctx = ctx
    this.#memory = memory
    this.#states = states
    this.#options = options
    this.#owner = owner
    this.#handle = ctx.loopHandle
    this.#startTimer = ctx.createTimer(realtime, () => this.giveUpStarting())
  }

  get(number: number): StartedThread | null {
    return this.#threads[number] ?? null
  }

  [Symbol.iterator](): Iterator<StartedThread> {
    return this.#threads.filter((thread) => thread != null)[Symbol.iterator]()
  }

  /** @throws SystemError EMFILE; what `new Worker` throws */
  start(): void {
    const free = this.#threads.indexOf(null)
    const number = free >= 0 ? free : this.#threads.length
    const states = this.#states
    const finished = this.#ctx.createBottomHalf(() => this.#owner.finished(), {
      name: 'thread pool',
      shared: true,
    })
    let thread: StartedThread
    // From now on it counts: it will look for work.
    states.setState(number, LOOKING)
    states.count = Math.max(states.count, number + 1)
    try {
      thread = new StartedThread(
        {
          memory: this.#memory.buffer,
          thread: number,
          name: this.#options.name,
          gate: this.#handle.gate,
          states: this.#handle.states,
          measure: this.#options.measure,
        },
        finished,
        this.#options,
      )
    } catch (error) {
      states.setState(number, NOT_THERE)
      finished.delete()
      throw error
    }
    this.#threads[number] = thread
    this.count++
    this.#ctx.setFdHandler(thread.lifeline, { read: () => this.#ended(thread, true), ref: false })
    this.#isStarting = true
    this.#startTimer.mod(realtime.now() + START_TIMEOUT_NS)
  }

  /** Somebody waits for what they are to do, from now on. */
  watchStart(): void {
    if (!this.#isStarting) return
    this.#isStarting = [...this].some(({ number }) => !this.#states.hasStarted(number))
    if (this.#isStarting) this.#startTimer.mod(realtime.now() + START_TIMEOUT_NS)
  }

  /** Nobody does: no process is to be kept alive for it. */
  ignoreStart(): void {
    if (this.#isStarting) this.#startTimer.del()
  }

  /** Has all of them go. None is to be started any more. */
  dismissAll(): void {
    this.dismissAllBut(0)
    this.#startTimer.mod(realtime.now() + CLOSE_TIMEOUT_NS)
  }

  /** When all have gone. */
  close(): void {
    this.#startTimer.del()
  }

  /** Ends those that have not started yet. */
  giveUpStarting(): void {
    for (const thread of this) {
      if (this.#states.hasStarted(thread.number)) continue
      thread.terminate()
      this.#ended(thread, false)
    }
  }

  /** Sees to the threads that want to know of the request that they have begun, and to those that have started. */
  attend(requestAt: (slot: number) => PoolRequest): void {
    if (!this.#states.takeAttention()) return
    for (let number = 0; number < this.#threads.length; number++) {
      const thread = this.#threads[number]
      if (thread == null) continue
      if (this.#states.hasStarted(number)) thread.letGo()
      const slot = this.#states.wantedBy(number)
      if (slot < 0) continue
      const { task, argument, transfer } = requestAt(slot)
      thread.send({ slot, task, argument }, transfer ?? [])
      this.#states.satisfy(number)
    }
  }

  /** Has so many stay at most: the others go when they have finished what they are at. */
  dismissAllBut(max: number): void {
    let staying = 0
    for (const { number } of this) {
      if (this.#states.stateOf(number) === LEAVING) continue
      const dismissed = ++staying > max
      this.#states.setDismissed(number, dismissed)
      if (dismissed) this.#states.wake(number)
    }
  }

  #ended(thread: StartedThread, hungUp: boolean): void {
    const { number } = thread
    const states = this.#states
    this.#ctx.setFdHandler(thread.lifeline, null)
    const expected = states.stateOf(number) === LEAVING
    states.setState(number, NOT_THERE)
    states.setDismissed(number, false)
    states.satisfy(number)
    this.count--
    this.#owner.ended(thread, expected)
    thread.dispose()
    this.#threads[number] = undefined
    const free = (): void => {
      states.setStarted(number, false)
      this.#threads[number] = null
    }
    // One that was given up may still be at its beginning: nobody else must have its number then.
    if (hungUp) free()
    else void thread.exited.then(free)
  }
}
