import type { AioContext, BottomHalf } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import type { Outcomes } from './outcomes.ts'
import type { PoolMemory } from './pool-memory.ts'
import type { Requests } from './requests.ts'
import type { StartedThread } from './started-thread.ts'
import type { ThreadStates } from './thread-states.ts'
import type { Threads } from './threads.ts'

/** Threads that end by themselves with nothing finished in between, until the pool gives up on its requests. */
const MAX_STILLBORN = 3

/** Sees to it that there are threads for what is queued (W2), and to what follows from their ends (W6). */
export class Staffing {
  readonly #ctx: AioContext
  readonly #memory: PoolMemory
  readonly #states: ThreadStates
  readonly #threads: Threads
  readonly #requests: Requests
  readonly #outcomes: Outcomes
  /** Starts threads: not inside submit(), because that takes long. */
  readonly #starter: BottomHalf
  readonly #exits: Set<Promise<void>> = new Set<Promise<void>>()
  #max: number
  #stillborn = 0
  #closing = false

  constructor(
    ctx: AioContext,
    memory: PoolMemory,
    states: ThreadStates,
    threads: Threads,
    requests: Requests,
    outcomes: Outcomes,
    max: number,
  ) {
    this.#ctx = ctx
    this.#memory = memory
    this.#states = states
    this.#threads = threads
    this.#requests = requests
    this.#outcomes = outcomes
    this.#max = max
    this.#starter = ctx.createBottomHalf(() => this.#start(), { name: 'thread pool: start threads' })
    if (states.minThreads > 0) this.#starter.schedule()
  }

  get min(): number {
    return this.#states.minThreads
  }

  get max(): number {
    return this.#max
  }

  setParams(min: number, max: number): void {
    this.#states.minThreads = min
    this.#max = max
    this.#threads.dismissAllBut(max)
    this.#starter.schedule()
  }

  /** After something was queued: wakes a thread, or has one started. */
  wake(): void {
    const mayStart = this.#threads.count < this.#max && !this.#closing
    if (!mayStart && !this.#states.someSleep()) return
    if (!this.#states.wakeOne() && mayStart) this.#starter.schedule()
  }

  /** Threads have finished something: those that start do come to work. */
  noteFinished(): void {
    this.#stillborn = 0
  }

  /** None is started any more. */
  close(): void {
    this.#closing = true
    this.#starter.delete()
  }

  /** Settles when Node has noticed the end of all threads that have ended. */
  async exited(): Promise<void> {
    await Promise.all(this.#exits)
  }

  #start(): void {
    const threads = this.#threads
    try {
      while (
        threads.count < this.#states.minThreads ||
        (this.#memory.queued > 0 && !this.#states.wakeOne())
      ) {
        if (threads.count >= this.#max) return
        threads.start()
      }
      if (this.#requests.pending === 0) threads.ignoreStart()
    } catch (error) {
      // Those that are there do the work. If there are none, nobody ever will.
      if (threads.count > 0) {
        process.emitWarning(
          `A thread pool works with ${threads.count} of up to ${this.#max} threads: ${(error as Error).message}`,
          { type: 'AioWarning', code: 'AIOKIT_POOL_THREAD' },
        )
        return
      }
      this.#requests.failAll(error as Error)
      this.#outcomes.tell()
    }
  }

  /** A thread is no more. `expected` if it was asked to go, or had nothing to do. */
  ended(thread: StartedThread, expected: boolean): void {
    const requests = this.#requests
    this.#exits.add(thread.exited)
    void thread.exited.then(() => this.#exits.delete(thread.exited))
    if (requests.takeFinished()) this.#stillborn = 0
    const { how, cause, uncaught } = thread.describeEnd()
    const died = (): Error =>
      aioError(
        'ERR_AIO_THREAD_DIED',
        `The thread that ran this task ended ${how}. Submit it again, or find out why.`,
        {
          cause,
        },
      )
    const wasBusy = requests.bury(thread.number, died)
    this.#stillborn = wasBusy || expected ? 0 : this.#stillborn + 1
    if (this.#stillborn >= MAX_STILLBORN) {
      this.#stillborn = 0
      requests.failAll(died())
    }
    if (!this.#closing) this.#starter.schedule()
    this.#outcomes.schedule()
    // Of something that an earlier task has left behind: no request can fail with it, so it leaves a poll.
    if (uncaught && !wasBusy && !this.#closing) {
      this.#ctx.scheduleOneshot(() => {
        throw cause
      })
    }
  }
}
