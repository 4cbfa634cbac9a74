const LAST = 0
const GO = 1
const ENDED = 2
const OPS = 3
const NS = 2
const WORDS = 6

/** What the thread that schedules and the thread of the context know of the burst. */
export class Burst {
  /** Over shared memory: what the other thread makes one of. */
  readonly words: Int32Array
  readonly #numbers: Float64Array
  /** The highest number that the callback has seen. */
  seen = 0

  constructor(words: Int32Array = new Int32Array(new SharedArrayBuffer(4 * WORDS))) {
    this.words = words
    this.#numbers = new Float64Array(words.buffer)
  }

  /** The context's thread: has the other one schedule so often; 0 ends it. */
  begin(ops: number): void {
    const { words } = this
    this.seen = 0
    words[LAST] = 0
    words[OPS] = ops
    words[ENDED] = 0
    Atomics.add(words, GO, 1)
    Atomics.notify(words, GO)
  }

  /**
   * The callback: looks what was written last.
   *
   * @throws Error if that is older than what was seen before
   */
  note(): void {
    // Without Atomics: a schedule makes it visible.
    const last = this.words[LAST]!
    if (last < this.seen) throw new Error(`${last} was seen after ${this.seen}`)
    this.seen = last
  }

  /** The context's thread: nanoseconds that the burst took. */
  awaitEnd(): number {
    Atomics.wait(this.words, ENDED, 0)
    return this.#numbers[NS]!
  }

  /** The other thread: waits for burst number `n`, from 1, and returns how often to schedule. */
  await(n: number): number {
    Atomics.wait(this.words, GO, n - 1)
    return this.words[OPS]!
  }

  /** The other thread: writes what the callback is to see. */
  write(value: number): void {
    this.words[LAST] = value
  }

  end(ns: number): void {
    this.#numbers[NS] = ns
    Atomics.store(this.words, ENDED, 1)
    Atomics.notify(this.words, ENDED)
  }
}
