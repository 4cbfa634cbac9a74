import { AtomicSList } from '@aiokit/qlist'
import { PlainData } from './plain-data.ts'

/** Node 20 has it, and TypeScript's library of that time has not. */
const atomics = Atomics as typeof Atomics & {
  waitAsync(words: Int32Array, index: number, value: number, timeoutMs: number): { value: unknown }
}

/** Requests that are in shared memory at a time; a power of two. */
export const SLOTS = 8192

/** Threads of a pool. */
export const MAX_THREADS = 256

// What a slot holds, in words. Its memory is used, and so taken from the system, only when the slot is.
const SLOT_WORDS = 128
const STATE = 0
const TASK = 1
const KIND = 2
const NUMBER = 4
const STARTED = 6
const ENDED = 8
const DATA = 12
const DATA_BYTES: number = (SLOT_WORDS - DATA) * 4

// What a slot's word says, in its low bits. Above them: of a queued one its place in the queue, else which thread it is.
const FREE = 0
const QUEUED = 1
export const RUNNING = 2
export const DONE = 3
const STATE_BITS = 2
/** Places in the queue, modulo. */
const PLACES: number = 2 ** 29

/** How an argument or a result travels: as a number, */
const AS_NUMBER = 0
/** as plain data, */
const AS_DATA = 1
/** or by a message port. */
export const BY_MESSAGE = 2
/** What the task threw, by message. */
export const FAILED = 3

// What a thread's word says. The thread sleeps on it.
export const NOT_THERE = 0
/** It is being started or woken, or looks for work for some microseconds before it sleeps. */
export const LOOKING = 1
export const BUSY = 2
export const ASLEEP = 3
/** It was idle for too long and is about to go, unless it finds work. */
export const LEAVING = 4

// The words of the pool: one cache line for what the owner writes most, one for what the threads do, and so on.
const TAIL = 0
const HEAD = 16
const FINISHED = 32
/** Threads that stay although they have nothing to do, and how long the others do, in ms; threads there have ever been. */
const MIN_THREADS = 48
const IDLE_MS = 49
const THREAD_COUNT = 50
const THREADS = 64
const THREAD_WORDS = 16
const THREAD_STATE = 0
/** Set by the owner: the thread is to go when it has finished what it is at. */
const THREAD_DISMISSED = 1
/** The request, plus 1, whose argument the thread waits for; it sleeps on it. */
const THREAD_WANTS = 2
/** Set by the thread when its end will be noticed. */
const THREAD_STARTED = 3
const QUEUE: number = THREADS + MAX_THREADS * THREAD_WORDS
const LINKS: number = QUEUE + SLOTS
const FIRST_SLOT: number = Math.ceil((LINKS + SLOTS) / SLOT_WORDS) * SLOT_WORDS
const WORDS: number = FIRST_SLOT + SLOTS * SLOT_WORDS

/**
 * What a pool and its threads share. Each of them makes one of these over the same memory.
 *
 * A request is a slot. The queue is a ring of slots: the owner adds at the tail; a thread takes what is at the head by
 * changing the slot's word from "queued at this place" to "running in this thread", in one step. So whoever dies at any
 * point, it is known which requests were its, a cancelled request never starts, and nobody waits for a lock that a dead
 * thread held. Only then is the head moved on, by whoever sees that it points to something that is not queued there.
 */
export class PoolMemory {
  readonly buffer: SharedArrayBuffer
  /** Of slots whose requests have ended: threads add, the owner takes. */
  readonly finished: AtomicSList
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #data: PlainData
  /** Owner: where the head was when it looked. It only moves on. */
  #knownHead = 0

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#numbers = new Float64Array(buffer)
    this.#data = new PlainData(buffer)
    this.finished = new AtomicSList(this.#words.subarray(0, FIRST_SLOT), FINISHED, LINKS)
  }

  // The queue.

  /** Requests that wait, and some that were cancelled. */
  get queued(): number {
    return (Atomics.load(this.#words, TAIL) - Atomics.load(this.#words, HEAD)) | 0
  }

  /** Owner: whether one more can be queued. Looks at the head, which threads write all the time, only if it must. */
  get hasRoom(): boolean {
    const words = this.#words
    const tail = words[TAIL]!
    if (((tail - this.#knownHead) | 0) < SLOTS) return true
    this.#knownHead = Atomics.load(words, HEAD)
    return ((tail - this.#knownHead) | 0) < SLOTS
  }

  /** Owner: adds a slot, for which there must be room. Returns its place. */
  enqueue(slot: number): number {
    const words = this.#words
    const tail = words[TAIL]!
    // Without Atomics: whoever sees the new tail sees it, and who reads it with an old head takes nothing.
    words[QUEUE + (tail & (SLOTS - 1))] = slot
    Atomics.store(words, at(slot) + STATE, queuedAt(tail))
    // Pairs with the load in take(): whoever sees the new tail sees the slot and all that is in it.
    Atomics.store(words, TAIL, (tail + 1) | 0)
    return tail
  }

  /** Owner: takes a request back if it has not begun. */
  withdraw(slot: number, place: number): boolean {
    const queued = queuedAt(place)
    return Atomics.compareExchange(this.#words, at(slot) + STATE, queued, FREE) === queued
  }

  /** Owner: brings the queue past places whose request is not there any more; returns where its head is then. */
  passEmpty(): number {
    const words = this.#words
    for (;;) {
      const head = Atomics.load(words, HEAD)
      if (head === words[TAIL]!) return head
      const slot = Atomics.load(words, QUEUE + (head & (SLOTS - 1)))
      if (Atomics.load(words, at(slot) + STATE) === queuedAt(head)) return head
      Atomics.compareExchange(words, HEAD, head, (head + 1) | 0)
    }
  }

  /** Thread: takes the oldest request; -1 if there is none. */
  take(thread: number): number {
    const words = this.#words
    for (;;) {
      const head = Atomics.load(words, HEAD)
      if (head === Atomics.load(words, TAIL)) return -1
      const slot = Atomics.load(words, QUEUE + (head & (SLOTS - 1)))
      const queued = queuedAt(head)
      const running = (thread << STATE_BITS) | RUNNING
      // The place is part of it: the slot may have been taken, used and queued again since the head was read.
      const taken = Atomics.compareExchange(words, at(slot) + STATE, queued, running) === queued
      Atomics.compareExchange(words, HEAD, head, (head + 1) | 0)
      if (taken) return slot
    }
  }

  // A slot. Whoever has it reads and writes without Atomics: it is handed over by its word and the lists.

  stateOf(slot: number): number {
    return Atomics.load(this.#words, at(slot) + STATE) & ((1 << STATE_BITS) - 1)
  }

  /** Which thread runs it or has run it. */
  threadOf(slot: number): number {
    return Atomics.load(this.#words, at(slot) + STATE) >> STATE_BITS
  }

  /** Thread: the result is there. Still to be added to `finished`. */
  setDone(slot: number, thread: number): void {
    Atomics.store(this.#words, at(slot) + STATE, (thread << STATE_BITS) | DONE)
  }

  setFree(slot: number): void {
    Atomics.store(this.#words, at(slot) + STATE, FREE)
  }

  taskOf(slot: number): number {
    return this.#words[at(slot) + TASK]!
  }

  setTask(slot: number, task: number): void {
    this.#words[at(slot) + TASK] = task
  }

  kindOf(slot: number): number {
    return this.#words[at(slot) + KIND]!
  }

  setKind(slot: number, kind: number): void {
    this.#words[at(slot) + KIND] = kind
  }

  /** Writes an argument or a result; false if it has to go by message, which is noted. */
  write(slot: number, value: unknown): boolean {
    const base = at(slot)
    if (typeof value === 'number') {
      this.#words[base + KIND] = AS_NUMBER
      this.#numbers[(base + NUMBER) >> 1] = value
      return true
    }
    const fits = this.#data.write(value, (base + DATA) * 4, DATA_BYTES) >= 0
    this.#words[base + KIND] = fits ? AS_DATA : BY_MESSAGE
    return fits
  }

  /** What was written, unless `kindOf` says that it is not here. */
  read(slot: number): unknown {
    const base = at(slot)
    if (this.#words[base + KIND] === AS_NUMBER) return this.#numbers[(base + NUMBER) >> 1]
    return this.#data.read((base + DATA) * 4)
  }

  /** When the request began and ended, in ns of the monotonic clock; for pools that measure. */
  setTimes(slot: number, startedNs: number, endedNs: number): void {
    this.#numbers[(at(slot) + STARTED) >> 1] = startedNs
    this.#numbers[(at(slot) + ENDED) >> 1] = endedNs
  }

  startedNs(slot: number): number {
    return this.#numbers[(at(slot) + STARTED) >> 1]!
  }

  endedNs(slot: number): number {
    return this.#numbers[(at(slot) + ENDED) >> 1]!
  }

  // The threads.

  threadState(thread: number): number {
    return Atomics.load(this.#words, ofThread(thread) + THREAD_STATE)
  }

  setThreadState(thread: number, state: number): void {
    Atomics.store(this.#words, ofThread(thread) + THREAD_STATE, state)
  }

  /** Changes the state if it is `from`; returns whether it was. */
  moveThread(thread: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, ofThread(thread) + THREAD_STATE, from, to) === from
  }

  /** Thread: sleeps while it is ASLEEP, `timeoutMs` at most. Returns whether it has slept for so long. */
  sleep(thread: number, timeoutMs: number): boolean {
    return Atomics.wait(this.#words, ofThread(thread) + THREAD_STATE, ASLEEP, timeoutMs) === 'timed-out'
  }

  /** Thread: as `sleep`, while Node's loop of the thread goes on. */
  async sleepAside(thread: number, timeoutMs: number): Promise<boolean> {
    const { value } = atomics.waitAsync(this.#words, ofThread(thread) + THREAD_STATE, ASLEEP, timeoutMs)
    return (await value) === 'timed-out'
  }

  /** Wakes a thread that is asleep, which counts as looking for work from now on; false if it is not. */
  wake(thread: number): boolean {
    if (!this.moveThread(thread, ASLEEP, LOOKING)) return false
    Atomics.notify(this.#words, ofThread(thread) + THREAD_STATE)
    return true
  }

  hasStarted(thread: number): boolean {
    return Atomics.load(this.#words, ofThread(thread) + THREAD_STARTED) !== 0
  }

  setStarted(thread: number, started: boolean): void {
    Atomics.store(this.#words, ofThread(thread) + THREAD_STARTED, started ? 1 : 0)
  }

  isDismissed(thread: number): boolean {
    return Atomics.load(this.#words, ofThread(thread) + THREAD_DISMISSED) !== 0
  }

  setDismissed(thread: number, dismissed: boolean): void {
    Atomics.store(this.#words, ofThread(thread) + THREAD_DISMISSED, dismissed ? 1 : 0)
  }

  /** The slot whose argument the thread waits for; -1 for none. */
  wantedBy(thread: number): number {
    return Atomics.load(this.#words, ofThread(thread) + THREAD_WANTS) - 1
  }

  /** Thread: says that it wants the argument of `slot`. */
  want(thread: number, slot: number): void {
    Atomics.store(this.#words, ofThread(thread) + THREAD_WANTS, slot + 1)
  }

  /** Thread: sleeps until the argument of `slot` is sent. */
  awaitWanted(thread: number, slot: number): void {
    Atomics.wait(this.#words, ofThread(thread) + THREAD_WANTS, slot + 1)
  }

  /** Owner: the argument is in the thread's port. */
  satisfy(thread: number): void {
    Atomics.store(this.#words, ofThread(thread) + THREAD_WANTS, 0)
    Atomics.notify(this.#words, ofThread(thread) + THREAD_WANTS)
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
      for (let thread = this.threadCount - 1; thread >= 0; thread--) {
        const state = this.threadState(thread)
        // One that is to go does not take anything, or just one more.
        if (this.isDismissed(thread)) continue
        if (state === LOOKING) looking++
        else if (state === ASLEEP) sleeper = thread
      }
      // Without a look at the queue, whose head the busy ones write all the time.
      if (looking === 0 && sleeper < 0) return false
      if (this.queued <= looking) return true
      if (sleeper < 0) return false
      if (this.wake(sleeper)) return true
    }
  }

  /** Threads that are there and not about to go, `except` left out. */
  threadsBeside(except: number): number {
    let count = 0
    for (let thread = this.threadCount - 1; thread >= 0; thread--) {
      const state = this.threadState(thread)
      if (thread !== except && state !== NOT_THERE && state !== LEAVING) count++
    }
    return count
  }

  /** One more than the highest number that a thread has had. */
  get threadCount(): number {
    return Atomics.load(this.#words, THREAD_COUNT)
  }

  set threadCount(count: number) {
    Atomics.store(this.#words, THREAD_COUNT, count)
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

function at(slot: number): number {
  return FIRST_SLOT + slot * SLOT_WORDS
}

/** What the word of a slot says that is queued at this place. */
function queuedAt(place: number): number {
  return ((place & (PLACES - 1)) << STATE_BITS) | QUEUED
}

function ofThread(thread: number): number {
  return THREADS + thread * THREAD_WORDS
}
