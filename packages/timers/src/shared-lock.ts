import { threadId } from 'node:worker_threads'

/** How the calling thread is written down in shared memory, where 0 is nobody. */
export const SELF: number = threadId + 1

// The two words of a lock: who has it, and how often it was taken.
const OWNER = 0
const TURN = 1

/** A lock that the same thread has kept for so many waits of so many ms belongs to a thread that was terminated. */
const PATIENCE = 10
const PATIENCE_MS = 20

/**
 * A lock between threads, for what takes microseconds.
 *
 * A worker that is terminated while it has the lock cannot give it back, and that is not rare: what it did under the
 * lock may be what somebody waited for before terminating it. So whoever finds the lock kept for long takes it over,
 * and what is guarded has to be such that it can be. Several waits and not a long one, because while the process is
 * stopped (SIGSTOP) a wait runs out although the owner has not run.
 */
export class SharedLock {
  readonly #words: Int32Array
  readonly #owner: number
  readonly #turn: number

  /** A lock in two of `words`, from index `at`. */
  constructor(words: Int32Array, at: number) {
    this.#words = words
    this.#owner = at + OWNER
    this.#turn = at + TURN
  }

  take(): void {
    const words = this.#words
    let turn = -1
    let waits = 0
    for (;;) {
      const owner = Atomics.compareExchange(words, this.#owner, 0, SELF)
      if (owner === 0) break
      const sameTurn = Atomics.load(words, this.#turn) === turn
      turn = Atomics.load(words, this.#turn)
      if (!sameTurn) waits = 0
      if (Atomics.wait(words, this.#owner, owner, PATIENCE_MS) !== 'timed-out') continue
      if (++waits >= PATIENCE && Atomics.compareExchange(words, this.#owner, owner, SELF) === owner) break
    }
    Atomics.add(words, this.#turn, 1)
  }

  /** Takes it, at once if the thread with this id has it, which has ended. */
  takeFrom(id: number): void {
    if (Atomics.compareExchange(this.#words, this.#owner, id + 1, SELF) !== id + 1) this.take()
  }

  give(): void {
    Atomics.store(this.#words, this.#owner, 0)
    Atomics.notify(this.#words, this.#owner, 1)
  }
}
