import { AtomicSList } from '@aiokit/qlist'

/** Jobs that are in the workers' hands, or on their way. */
export const SLOTS = 256

// Words of the queue.
/** Jobs taken and jobs given so far, modulo 2**32. */
const TAKEN = 0
const GIVEN = 1
/** Workers that sleep or are about to. */
const SLEEPERS = 2
/** Workers that have begun. */
const BEGUN = 3
/** Workers that may be about to wake the owner. */
const WAKING = 4
/** Head of the list of jobs that are done; its links follow. */
const DONE = 5
const DONE_NEXT = 6
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

// What a job is, as doubles: all that system calls take.
export const JOB_KIND = 0
export const JOB_FD = 1
/** Where its memory is: number of a slab, offset and length in bytes. */
export const JOB_SLAB = 2
export const JOB_OFFSET = 3
export const JOB_LENGTH = 4
export const JOB_POSITION = 5
export const JOB_FIRST = 6
export const JOB_SECOND = 7
export const JOB_RESULT = 8
const JOB_FIELDS = 9

export interface JobMemory {
  readonly words: Int32Array<SharedArrayBuffer>
  readonly jobs: Float64Array<SharedArrayBuffer>
}

export function newJobMemory(): JobMemory {
  return {
    words: new Int32Array(new SharedArrayBuffer(4 * WORDS)),
    jobs: new Float64Array(new SharedArrayBuffer(8 * JOB_FIELDS * SLOTS)),
  }
}

/** Jobs for the workers, in shared memory: one owner gives, any worker takes, and pushes what is done on a list. */
export class JobQueue {
  readonly jobs: Float64Array
  readonly #words: Int32Array
  readonly #done: AtomicSList

  constructor({ words, jobs }: JobMemory) {
    this.#words = words
    this.jobs = jobs
    // The list ends where the ring begins.
    this.#done = new AtomicSList(words.subarray(0, RING), DONE, DONE_NEXT)
  }

  /** Where the fields of a job begin. */
  at(slot: number): number {
    return slot * JOB_FIELDS
  }

  /** Owner: gives a job, whose fields are written, to whichever worker is first. */
  give(slot: number): void {
    Atomics.store(this.#words, STATE + slot, WAITING)
    this.#put(slot)
  }

  /** Owner: waits until a worker has begun. Returns false if none has in time. */
  awaitWorker(timeoutMs: number): boolean {
    return Atomics.wait(this.#words, BEGUN, 0, timeoutMs) !== 'timed-out'
  }

  /** Worker: it is there. */
  announce(): void {
    Atomics.add(this.#words, BEGUN, 1)
    Atomics.notify(this.#words, BEGUN)
  }

  /** Owner: true if no worker has begun it; none will. */
  cancel(slot: number): boolean {
    return Atomics.compareExchange(this.#words, STATE + slot, WAITING, CANCELLED) === WAITING
  }

  /** Owner: the slots of jobs that are done. */
  takeDone(): Iterable<number> {
    return this.#done.takeAll()
  }

  /** Owner: one worker ends when it has done what was given before. */
  end(): void {
    this.#put(END)
  }

  /** Worker: the next job, waiting for one; -1 when it is to end. */
  take(): number {
    const words = this.#words
    for (;;) {
      const taken = Atomics.load(words, TAKEN)
      const given = Atomics.load(words, GIVEN)
      if (taken === given) {
        Atomics.add(words, SLEEPERS, 1)
        Atomics.wait(words, GIVEN, given)
        Atomics.sub(words, SLEEPERS, 1)
        continue
      }
      const slot = words[RING + (taken & (RING_SIZE - 1))]!
      if (Atomics.compareExchange(words, TAKEN, taken, (taken + 1) | 0) === taken) return slot
    }
  }

  /** Worker: whether the job is still wanted. */
  begin(slot: number): boolean {
    return Atomics.compareExchange(this.#words, STATE + slot, WAITING, RUNNING) === WAITING
  }

  /** Worker: the job is done, its result written. Wakes the owner if nobody has since it looked. */
  finish(slot: number, owner: { set(): void }): void {
    Atomics.add(this.#words, WAKING, 1)
    if (this.#done.push(slot)) owner.set()
    Atomics.sub(this.#words, WAKING, 1)
  }

  /** Owner: returns when no worker is about to wake it, which is when what it is woken by may be closed. */
  awaitQuiet(): void {
    for (;;) {
      const waking = Atomics.load(this.#words, WAKING)
      if (waking === 0) return
      Atomics.wait(this.#words, WAKING, waking, 1)
    }
  }

  #put(entry: number): void {
    const words = this.#words
    const given = words[GIVEN]!
    words[RING + (given & (RING_SIZE - 1))] = entry
    // Pairs with the load and the wait in take(): store GIVEN, load SLEEPERS here; add SLEEPERS, compare GIVEN there.
    Atomics.store(words, GIVEN, (given + 1) | 0)
    if (Atomics.load(words, SLEEPERS) > 0) Atomics.notify(words, GIVEN, 1)
  }
}
