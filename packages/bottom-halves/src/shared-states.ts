import { randomInt } from 'node:crypto'
import { aioTypeError, describe } from '@aiokit/errors'
import { AtomicSList } from '@aiokit/qlist'

/** Bottom halves of a loop that can be shared at a time. */
export const MAX_SHARED = 4096

// The words: the head of the list, a number that tells loops apart, the state of each bottom half, the link of each.
const HEAD = 0
const LOOP = 1
const STATES = 2
const LINKS: number = STATES + MAX_SHARED
const WORDS: number = LINKS + MAX_SHARED

// A state: these two bits, and above them how many bottom halves have had this place before.
/** On the list, or about to be put there by the thread that set the bit. */
const QUEUED = 1
/** To be run; not set if it was cancelled since. */
const SCHEDULED = 2
const GENERATION = 4

/**
 * What threads share of the bottom halves of one loop: for each a word that says whether it is scheduled, and the list
 * of those that are (rule L6). Every thread makes one of these over the same words.
 *
 * Model: tooling/models/shared-list.pml.
 */
export class SharedStates {
  /** Over a SharedArrayBuffer: what another thread needs. */
  readonly words: Int32Array
  readonly #list: AtomicSList

  /**
   * @param words those of another thread's `SharedStates`
   * @throws `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(words: Int32Array = freshWords()) {
    if (
      !(words instanceof Int32Array && words.buffer instanceof SharedArrayBuffer && words.length === WORDS)
    ) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"words" must be what the loop's thread sent. Received ${describe(words)}.`,
      )
    }
    this.words = words
    this.#list = new AtomicSList(words, HEAD, LINKS)
  }

  /** Whether `take()` would find something. */
  get isEmpty(): boolean {
    return this.#list.isEmpty
  }

  /** Another number for each loop, as good as surely. */
  get loop(): number {
    return this.words[LOOP]!
  }

  /** The generation of the bottom half whose place is `id` now. */
  generation(id: number): number {
    return Atomics.load(this.words, STATES + id) >>> 2
  }

  /**
   * Any thread: schedules the bottom half, if it is still of this generation; returns whether it is. The loop must be
   * notified next.
   */
  schedule(id: number, generation: number): boolean {
    const { words } = this
    const at = STATES + id
    for (;;) {
      const state = Atomics.load(words, at)
      if (state >>> 2 !== generation) return false
      // Written also if nothing changes: what this thread wrote before is seen by the callback only if the exchange of
      // the loop in take() reads a write that came after it.
      if (Atomics.compareExchange(words, at, state, state | QUEUED | SCHEDULED) !== state) continue
      // It is this thread that puts it on the list; if the bit was set before, it is the one that set it.
      if ((state & QUEUED) === 0) this.#list.push(id)
      return true
    }
  }

  /** The loop: takes back a schedule. It stays on the list, which cannot be searched. */
  cancel(id: number): void {
    Atomics.and(this.words, STATES + id, ~SCHEDULED)
  }

  /** The loop: takes the list; oldest first. Each is to be given to `accept()`. */
  take(): Iterable<number> {
    return this.#list.takeAll()
  }

  /**
   * The loop: it has taken this one off the list, and it may be put there again. Returns whether it is to be run, and
   * then sees what those wrote who scheduled it.
   */
  accept(id: number): boolean {
    // The bits go before the callback runs: a schedule that comes from now on is another one (rule B1).
    return (Atomics.and(this.words, STATES + id, ~(QUEUED | SCHEDULED)) & SCHEDULED) !== 0
  }

  /**
   * The loop: the bottom half is no more, and other threads that still know it schedule nothing. Returns false if the
   * place is on the list and so cannot be used again before it is taken from there.
   */
  retire(id: number): boolean {
    const { words } = this
    const at = STATES + id
    for (;;) {
      const state = Atomics.load(words, at)
      const next = ((state & ~SCHEDULED) + GENERATION) | 0
      if (Atomics.compareExchange(words, at, state, next) === state) return (state & QUEUED) === 0
    }
  }
}

function freshWords(): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))
  words[LOOP] = randomInt(2 ** 31)
  return words
}
