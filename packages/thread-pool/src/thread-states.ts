import { CALLS, SETTINGS, THREAD_WORDS, THREADS } from './pool-layout.ts'
import type { PoolMemory } from './pool-memory.ts'

/** Node 20 has it, and TypeScript's library of that time has not. */
const atomics = Atomics as typeof Atomics & {
  waitAsync(words: Int32Array, index: number, value: number, timeoutMs: number): { value: unknown }
}

// What a thread's word says. The thread sleeps on it.
export const NOT_THERE = 0
/** It is being started or woken, or looks for work for some microseconds before it sleeps. */
export const LOOKING = 1
export const BUSY = 2
export const ASLEEP = 3
/** It was idle for too long and is about to go, unless it finds work. */
export const LEAVING = 4

// The words of a thread.
const STATE = 0
/** Set by the owner: the thread is to go when it has finished what it is at. */
const DISMISSED = 1
/** The request, plus 1, of which the thread waits for what is to be sent; it sleeps on it. */
const WANTS = 2
/** Set by the thread when its end will be noticed. */
const STARTED = 3

/** Threads that stay although they have nothing to do, and how long the others do, in ms; threads there have ever been. */
const MIN_THREADS = SETTINGS
const IDLE_MS = SETTINGS + 1
const COUNT = SETTINGS + 2

/** Some thread has started, or wants something. */
const ATTENTION = CALLS
/** Some thread has gone to sleep. */
const SLEEP = CALLS + 1

/** What a pool and its threads know of the threads: who is busy, who sleeps, who is to go. Each makes one of these. */
export class ThreadStates {
  readonly #memory: PoolMemory
  readonly #words: Int32Array

  constructor(memory: PoolMemory) {
    this.#memory = memory
    this.#words = new Int32Array(memory.buffer)
  }

  stateOf(thread: number): number {
    return Atomics.load(this.#words, ofThread(thread) + STATE)
  }

  setState(thread: number, state: number): void {
    Atomics.store(this.#words, ofThread(thread) + STATE, state)
    // After the state: see someSleep().
    if (state === ASLEEP) Atomics.store(this.#words, SLEEP, 1)
  }

  /** Changes the state if it is `from`; returns whether it was. */
  move(thread: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, ofThread(thread) + STATE, from, to) === from
  }

  /** Thread: sleeps while it is ASLEEP, `timeoutMs` at most. Returns whether it has slept for so long. */
  sleep(thread: number, timeoutMs: number): boolean {
    return Atomics.wait(this.#words, ofThread(thread) + STATE, ASLEEP, timeoutMs) === 'timed-out'
  }

  /** Thread: as `sleep`, while Node's loop of the thread goes on. */
  async sleepAside(thread: number, timeoutMs: number): Promise<boolean> {
    const { value } = atomics.waitAsync(this.#words, ofThread(thread) + STATE, ASLEEP, timeoutMs)
    return (await value) === 'timed-out'
  }

  /** Wakes a thread that is asleep, which counts as looking for work from now on; false if it is not. */
  wake(thread: number): boolean {
    if (!this.move(thread, ASLEEP, LOOKING)) return false
    Atomics.notify(this.#words, ofThread(thread) + STATE)
    return true
  }

  hasStarted(thread: number): boolean {
    return Atomics.load(this.#words, ofThread(thread) + STARTED) !== 0
  }

  setStarted(thread: number, started: boolean): void {
    Atomics.store(this.#words, ofThread(thread) + STARTED, started ? 1 : 0)
    Atomics.store(this.#words, ATTENTION, 1)
  }

  isDismissed(thread: number): boolean {
    return Atomics.load(this.#words, ofThread(thread) + DISMISSED) !== 0
  }

  setDismissed(thread: number, dismissed: boolean): void {
    Atomics.store(this.#words, ofThread(thread) + DISMISSED, dismissed ? 1 : 0)
  }

  /** The slot of which the thread waits for what is to be sent; -1 for none. */
  wantedBy(thread: number): number {
    return Atomics.load(this.#words, ofThread(thread) + WANTS) - 1
  }

  /** Thread: says that it wants what is to be sent of `slot`. */
  want(thread: number, slot: number): void {
    Atomics.store(this.#words, ofThread(thread) + WANTS, slot + 1)
    Atomics.store(this.#words, ATTENTION, 1)
  }

  /** Thread: sleeps until what it wants of `slot` is sent. */
  awaitWanted(thread: number, slot: number): void {
    Atomics.wait(this.#words, ofThread(thread) + WANTS, slot + 1)
  }

  /** Owner: it is in the thread's port. */
  satisfy(thread: number): void {
    Atomics.store(this.#words, ofThread(thread) + WANTS, 0)
    Atomics.notify(this.#words, ofThread(thread) + WANTS)
  }

  /** Owner: whether a thread has started, or wanted something, since this was asked. */
  takeAttention(): boolean {
    return Atomics.load(this.#words, ATTENTION) !== 0 && Atomics.exchange(this.#words, ATTENTION, 0) !== 0
  }

  /** Owner: whether a thread is asleep. Looks at the threads, whose words they write often, only if one has gone to sleep. */
  someSleep(): boolean {
    const words = this.#words
    if (Atomics.load(words, SLEEP) === 0) return false
    // Before the look at the threads: one that goes to sleep after it says so again.
    Atomics.store(words, SLEEP, 0)
    for (let thread = this.count - 1; thread >= 0; thread--) {
      if (this.stateOf(thread) !== ASLEEP) continue
      Atomics.store(words, SLEEP, 1)
      return true
    }
    return false
  }

  /**
   * Wakes a thread that is asleep, unless as many are looking for work as there is; returns false if more threads would
   * be of use, provided that something is queued.
   *
   * To be called by the owner when it has queued something, and by a thread that has found work and was looking before.
   * Then nothing that is queued waits while a thread sleeps: the owner adds to the queue and then looks at the threads;
   * a thread says that it is busy, or asleep, and then looks at the queue.
   */
  wakeOne(): boolean {
    for (;;) {
      let looking = 0
      let sleeper = -1
      // From the first one on, so that those behind it have nothing to do for long and leave.
      for (let thread = this.count - 1; thread >= 0; thread--) {
        const state = this.stateOf(thread)
        // One that is to go does not take anything, or just one more.
        if (this.isDismissed(thread)) continue
        if (state === LOOKING) looking++
        else if (state === ASLEEP) sleeper = thread
      }
      // Without a look at the queue, whose head the busy ones write all the time.
      if (looking === 0 && sleeper < 0) return false
      if (this.#memory.queued <= looking) return true
      if (sleeper < 0) return false
      if (this.wake(sleeper)) return true
    }
  }

  /** Threads that are there and not about to go, `except` left out. */
  threadsBeside(except: number): number {
    let count = 0
    for (let thread = this.count - 1; thread >= 0; thread--) {
      const state = this.stateOf(thread)
      if (thread !== except && state !== NOT_THERE && state !== LEAVING) count++
    }
    return count
  }

  /** One more than the highest number that a thread has had. */
  get count(): number {
    return Atomics.load(this.#words, COUNT)
  }

  set count(count: number) {
    Atomics.store(this.#words, COUNT, count)
  }

  get minThreads(): number {
    return Atomics.load(this.#words, MIN_THREADS)
  }

  set minThreads(count: number) {
    Atomics.store(this.#words, MIN_THREADS, count)
  }

  get idleMs(): number {
    return Atomics.load(this.#words, IDLE_MS)
  }

  set idleMs(ms: number) {
    Atomics.store(this.#words, IDLE_MS, ms)
  }
}

function ofThread(thread: number): number {
  return THREADS + thread * THREAD_WORDS
}
