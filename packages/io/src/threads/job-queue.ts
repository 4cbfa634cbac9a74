import { AtomicSList } from '@aiokit/qlist'

/** Jobs that are in the workers' hands, or on their way. */
export const SLOTS = 256

// Words of the queue.
/** Jobs taken and jobs given so far, modulo 2**32. */
const TAKEN = 0
const GIVEN = 1
/** How many workers are idle: SEARCHING for each that looks for a job, ASLEEP for each that sleeps. */
const IDLE = 2
const SEARCHING = 1
const ASLEEP = 1 << 16
/** Wakes that no sleeper has taken yet. */
const WAKES = 3
/** Workers that have begun. */
const BEGUN = 4
/** Workers that may be about to wake the owner. */
const WAKING = 5
/** Head of the list of jobs that are done; its links follow. */
const DONE = 6
const DONE_NEXT = 7
/** Ring of the slots in the order in which they were given, with room for the ends of workers. */
const RING = DONE_NEXT + SLOTS
const RING_SIZE = 2 * SLOTS
/** By slot: what becomes of it. */
const STATE = RING + RING_SIZE
const WORDS = STATE + SLOTS

const WAITING = 1
const RUNNING = 2
const CANCELLED = 3

/** In the place of a slot: the worker that takes it ends. */
const END = -1
const NOTHING = -2

/** A worker looks so often before it sleeps, some 20 µs: to be woken takes longer, and costs the owner a system call. */
const LOOKS = 2000

export function newQueueMemory(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * WORDS))
}

/**
 * Numbers of jobs on their way to worker threads and back, in shared memory: one owner gives them, any worker takes one,
 * does it and puts it on the list of those that are done. What the jobs are is no business of the queue's.
 *
 * A worker that finds nothing searches for a while and then sleeps. The owner, when it has given some, calls `wake()`,
 * which wakes no more workers than there are jobs that nobody is searching for: so each job has a worker that is not busy
 * with another one, as far as there are any, and a burst of jobs that one worker keeps up with wakes only that one.
 */
export class JobQueue {
  readonly #words: Int32Array
  readonly #done: AtomicSList

  constructor(words: Int32Array) {
    this.#words = words
    // The list ends where the ring begins.
    this.#done = new AtomicSList(words.subarray(0, RING), DONE, DONE_NEXT)
  }

  /** Owner: gives a job, which is written, to whichever worker is first. Sleepers are not woken. */
  give(slot: number): void {
    // Pairs with begin() and with the owner's own cancel().
    Atomics.store(this.#words, STATE + slot, WAITING)
    this.#put(slot)
  }

  /** Owner: one worker ends when it has done what was given before. */
  end(): void {
    this.#put(END)
  }

  /**
   * Owner, after it gave jobs: wakes sleepers for those that nobody searches for. Returns how many jobs are left for which
   * there is nobody.
   */
  wake(): number {
    const words = this.#words
    for (;;) {
      // Pairs with the end of #search(): store GIVEN, load IDLE here; change IDLE, load GIVEN there.
      const idle = Atomics.load(words, IDLE)
      const waiting = (words[GIVEN]! - Atomics.load(words, TAKEN)) | 0
      const alone = waiting - (idle & (ASLEEP - 1))
      const woken = Math.min(alone, idle >>> 16)
      if (woken <= 0) return Math.max(0, alone)
      // They count as searching from here on: another job that comes before they are awake is not theirs.
      const after = idle - woken * (ASLEEP - SEARCHING)
      if (Atomics.compareExchange(words, IDLE, idle, after) !== idle) continue
      Atomics.add(words, WAKES, woken)
      Atomics.notify(words, WAKES, woken)
      return alone - woken
    }
  }

  /** Owner: how many workers have begun. */
  get begun(): number {
    return Atomics.load(this.#words, BEGUN)
  }

  /** Owner: waits until more than `begun` workers have begun. Returns false if they have not in time. */
  awaitWorker(begun: number, timeoutMs: number): boolean {
    return Atomics.wait(this.#words, BEGUN, begun, timeoutMs) !== 'timed-out'
  }

  /** Owner: true if no worker has begun it; none will. */
  cancel(slot: number): boolean {
    return Atomics.compareExchange(this.#words, STATE + slot, WAITING, CANCELLED) === WAITING
  }

  /** Owner: the slots of jobs that are done, or that a worker came across after they were cancelled. */
  takeDone(): Iterable<number> {
    return this.#done.takeAll()
  }

  /** Owner: takes back a job that no worker has taken; -1 if there is none. */
  takeBack(): number {
    return Math.max(-1, this.#tryTake())
  }

  /** Owner: returns when no worker is about to wake it, which is when what it is woken by may be closed. */
  awaitQuiet(): void {
    for (;;) {
      const waking = Atomics.load(this.#words, WAKING)
      if (waking === 0) return
      Atomics.wait(this.#words, WAKING, waking, 1)
    }
  }

  /** Worker: it is there, and searches. */
  announce(): void {
    Atomics.add(this.#words, IDLE, SEARCHING)
    Atomics.add(this.#words, BEGUN, 1)
    // Pairs with awaitWorker().
    Atomics.notify(this.#words, BEGUN)
  }

  /** Worker: the next job, waiting for one; -1 when it is to end. */
  take(): number {
    const words = this.#words
    for (;;) {
      this.#search()
      // First, and then TAKEN: the other way round wake() could for a moment see a job less and this worker still searching,
      // and leave another job to it. As it is, it may wake one worker in vain.
      Atomics.sub(words, IDLE, SEARCHING)
      const slot = this.#tryTake()
      if (slot !== NOTHING) return slot
      Atomics.add(words, IDLE, SEARCHING)
    }
  }

  /** Worker: whether the job is still wanted. */
  begin(slot: number): boolean {
    return Atomics.compareExchange(this.#words, STATE + slot, WAITING, RUNNING) === WAITING
  }

  /** Worker: the job is done, its result written. Calls `wakeOwner` if nobody has since it looked. It searches again. */
  finish(slot: number, wakeOwner: () => void): void {
    const words = this.#words
    Atomics.add(words, WAKING, 1)
    if (this.#done.push(slot)) wakeOwner()
    Atomics.sub(words, WAKING, 1)
    Atomics.add(words, IDLE, SEARCHING)
  }

  #put(entry: number): void {
    const words = this.#words
    const given = words[GIVEN]!
    words[RING + (given & (RING_SIZE - 1))] = entry
    // Pairs with the load in #tryTake(), which sees the entry then, and what the job is.
    Atomics.store(words, GIVEN, (given + 1) | 0)
  }

  #tryTake(): number {
    const words = this.#words
    for (;;) {
      const taken = Atomics.load(words, TAKEN)
      if (taken === Atomics.load(words, GIVEN)) return NOTHING
      const slot = words[RING + (taken & (RING_SIZE - 1))]!
      if (Atomics.compareExchange(words, TAKEN, taken, (taken + 1) | 0) === taken) return slot
    }
  }

  /** Worker: returns when there may be something to take. */
  #search(): void {
    const words = this.#words
    for (let i = 0; i < LOOKS; i++) {
      if (Atomics.load(words, TAKEN) !== Atomics.load(words, GIVEN)) return
      // One that keeps looking is enough.
      if ((Atomics.load(words, IDLE) & (ASLEEP - 1)) > 1) break
    }
    // Pairs with wake(): change IDLE, load GIVEN here; store GIVEN, load IDLE there.
    Atomics.add(words, IDLE, ASLEEP - SEARCHING)
    if (Atomics.load(words, TAKEN) !== Atomics.load(words, GIVEN) && this.#stayAwake()) return
    for (;;) {
      const wakes = Atomics.load(words, WAKES)
      if (wakes === 0) Atomics.wait(words, WAKES, 0)
      else if (Atomics.compareExchange(words, WAKES, wakes, wakes - 1) === wakes) return
    }
  }

  /** Worker: takes back that it sleeps. Returns false if there is a wake for each sleeper, and so one for this. */
  #stayAwake(): boolean {
    const words = this.#words
    for (;;) {
      const idle = Atomics.load(words, IDLE)
      if (idle < ASLEEP) return false
      if (Atomics.compareExchange(words, IDLE, idle, idle - ASLEEP + SEARCHING) === idle) return true
    }
  }
}
