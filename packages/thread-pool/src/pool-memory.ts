import { AtomicSList } from '@aiokit/qlist'
import { PlainData } from './plain-data.ts'
import { FINISHED, FIRST_SLOT, HEAD, LINKS, QUEUE, SLOT_WORDS, SLOTS, TAIL, WORDS } from './pool-layout.ts'
import { TaskNames } from './task-names.ts'

// What a slot holds, in words; all but the data in one cache line.
const STATE = 0
const KIND = 1
const NUMBER = 2
const TASK = 4
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

/**
 * The requests that a pool and its threads share. Each of them makes one of these over the same memory.
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
  readonly names: TaskNames
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #data: PlainData
  /** Owner: the tail, which threads look at all the time in the words; where the head was when it looked. */
  #tail = 0
  #knownHead = 0
  /** Thread: where the tail was when it looked. Up to there it need not look again. */
  #knownTail = 0

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#numbers = new Float64Array(buffer)
    this.#data = new PlainData(buffer)
    this.names = new TaskNames(this.#words)
    this.finished = new AtomicSList(this.#words.subarray(0, FIRST_SLOT), FINISHED, LINKS)
  }

  // The queue.

  /** Requests that wait, and some that were cancelled. */
  get queued(): number {
    return (Atomics.load(this.#words, TAIL) - Atomics.load(this.#words, HEAD)) | 0
  }

  /** Owner: whether one more can be queued. Looks at the head, which threads write all the time, only if it must. */
  get hasRoom(): boolean {
    const tail = this.#tail
    if (((tail - this.#knownHead) | 0) < SLOTS) return true
    this.#knownHead = Atomics.load(this.#words, HEAD)
    return ((tail - this.#knownHead) | 0) < SLOTS
  }

  /** Owner: adds a slot, for which there must be room. Returns its place. */
  enqueue(slot: number): number {
    const words = this.#words
    const tail = this.#tail
    // Without Atomics: whoever sees the new tail sees both, and who reads them with an old head takes nothing.
    words[QUEUE + (tail & (SLOTS - 1))] = slot
    words[at(slot) + STATE] = queuedAt(tail)
    // Pairs with the load in take(): whoever sees the new tail sees the slot and all that is in it.
    this.#tail = (tail + 1) | 0
    Atomics.store(words, TAIL, this.#tail)
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
      if (head === this.#tail) return head
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
      if (((this.#knownTail - head) | 0) <= 0) {
        this.#knownTail = Atomics.load(words, TAIL)
        if (this.#knownTail === head) return -1
      }
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
    this.#words[at(slot) + STATE] = FREE
  }

  /** The number of its task: a double, so that there is always another one. */
  taskOf(slot: number): number {
    return this.#numbers[(at(slot) + TASK) >> 1]!
  }

  setTask(slot: number, task: number): void {
    this.#numbers[(at(slot) + TASK) >> 1] = task
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
}

function at(slot: number): number {
  return FIRST_SLOT + slot * SLOT_WORDS
}

/** What the word of a slot says that is queued at this place. */
function queuedAt(place: number): number {
  return ((place & (PLACES - 1)) << STATE_BITS) | QUEUED
}
