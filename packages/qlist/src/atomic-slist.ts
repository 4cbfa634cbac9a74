import { aioError, aioRangeError, aioTypeError, describe, requireInteger } from '@aiokit/errors'

// In the words of the list a link is the id plus one, so that fresh memory, all zero, is an empty list.
const END = 0

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * A list of small integers in shared memory: any thread pushes, one exchange takes all (rule L6). Of use where the
 * integers are indexes of something that the threads share.
 *
 * Each thread makes an `AtomicSList` over the same words. Memory that is all zero holds an empty list. The list owns
 * one word for the head, and a word for each id: `next + id`.
 *
 * An id must not be pushed while it is on the list, since it has but one word there. Give each id a flag: a pusher
 * pushes if `Atomics.exchange(flag, 1)` gave 0, and the taker clears the flag when it is handed the id; from then on
 * the id may be pushed again, by any thread.
 */
export class AtomicSList {
  readonly #memory: Int32Array
  readonly #head: number
  readonly #next: number
  readonly #maxId: number
  readonly #taken: TakenIds

  /**
   * @param memory over a `SharedArrayBuffer`
   * @param head index of the word that holds the head
   * @param next index of the word of id 0; those of the following ids follow it, up to `head` or the end of `memory`
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`
   * @throws RangeError `ERR_AIO_OUT_OF_RANGE` for fewer than two words, an index outside of them, or `head` and `next`
   * the same
   */
  constructor(memory: Int32Array, head: number, next: number) {
    if (!(memory instanceof Int32Array && memory.buffer instanceof SharedArrayBuffer)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"memory" must be an Int32Array over a SharedArrayBuffer. Received ${describe(memory)}.`,
      )
    }
    if (memory.length < 2) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"memory" must have a word for the head and one for each id. Received ${memory.length} words.`,
      )
    }
    requireInteger(head, 'head', 0, memory.length - 1)
    requireInteger(next, 'next', 0, memory.length - 1)
    if (head === next) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        '"head" and "next" must be different words: the head needs one of its own.',
      )
    }
    this.#memory = memory
    this.#head = head
    this.#next = next
    this.#maxId = (head > next ? head : memory.length) - next - 1
    this.#taken = new TakenIds(memory, next)
  }

  /** True if there is nothing to take: nothing pushed, and nothing left over of what this object has taken. */
  get isEmpty(): boolean {
    return this.#taken.isEmpty && Atomics.load(this.#memory, this.#head) === END
  }

  /**
   * Any thread: adds `id`, which must not be on the list. What the thread wrote before, its taker can read.
   *
   * Returns true if nothing was waiting to be taken, so that of all who push before the next take exactly one, who
   * wakes the taker, gets true.
   *
   * @param id from 0 to the number of words for ids, less one
   * @throws `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_INVALID_ARG_TYPE`
   * @throws `ERR_AIO_ID_PUSHED` if it is seen to be on the list; if others were pushed since, that is not seen and
   * the list is destroyed
   */
  push(id: number): boolean {
    requireInteger(id, 'id', 0, this.#maxId)
    const memory = this.#memory
    const link = id + 1
    for (;;) {
      const newest = Atomics.load(memory, this.#head)
      if (newest === link)
        throw aioError('ERR_AIO_ID_PUSHED', `${id} is on the list: push it again when it was taken.`)
      // The word is this thread's until the id is published, so a plain store will do.
      memory[this.#next + id] = newest
      // Pairs with the exchange in takeAll(), which sees the store above and what the caller wrote before. That the
      // head was taken and pushed again since the load does no harm: it is `newest` that comes next all the same.
      if (Atomics.compareExchange(memory, this.#head, newest, link) === newest) return newest === END
    }
  }

  /**
   * Takes all that was pushed until now, in one exchange, and returns an iterable of it, oldest first. An id belongs
   * to the caller when the iterable gives it out.
   *
   * Nothing is lost by not iterating to the end: the rest is the beginning of what the next `takeAll()` of this
   * object returns. Its iterables are one and the same, so of two nested loops the inner one goes on where the outer
   * one is. Neither this nor the iteration allocates.
   */
  takeAll(): Iterable<number> {
    // Pairs with the compareExchange in push().
    this.#taken.add(Atomics.exchange(this.#memory, this.#head, END))
    return this.#taken
  }
}

/**
 * What one thread took and has not given out. Whoever keeps to the flags pushes none of these ids, so their words are
 * that thread's and plain accesses will do.
 */
class TakenIds implements IterableIterator<number> {
  readonly #memory: Int32Array
  /** Index of the word of id 0. */
  readonly #next: number
  /** The same object each time: whoever loops has read it before the next step. */
  readonly #result: IteratorYieldResult<number> = { done: false, value: 0 }
  #oldest = END
  #newest = END

  constructor(memory: Int32Array, next: number) {
    this.#memory = memory
    this.#next = next
  }

  get isEmpty(): boolean {
    return this.#oldest === END
  }

  /** Adds a chain that runs from the newest to the oldest, turning it round in place. */
  add(newest: number): void {
    if (newest === END) return
    let oldest = END
    for (let link = newest; link !== END; ) {
      const older = this.#follow(link, oldest)
      oldest = link
      link = older
    }
    if (this.#oldest === END) this.#oldest = oldest
    else this.#follow(this.#newest, oldest)
    this.#newest = newest
  }

  next(): IteratorResult<number, undefined> {
    const link = this.#oldest
    if (link === END) return DONE
    // Before the id is given out: from then on it may be pushed, which writes this word.
    this.#oldest = this.#memory[this.#next + link - 1]!
    this.#result.value = link - 1
    return this.#result
  }

  [Symbol.iterator](): this {
    return this
  }

  /** Lets `next` follow on `link`; returns what did before. */
  #follow(link: number, next: number): number {
    const word = this.#next + link - 1
    const before = this.#memory[word]!
    this.#memory[word] = next
    return before
  }
}
