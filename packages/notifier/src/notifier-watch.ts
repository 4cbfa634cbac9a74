import { eventfdRead } from '@aiokit/sys'
import type { Eventfd } from './eventfd.ts'
import { FLAGS, needsDescriptor, POLLERS, RUNG, SET, SLEEPERS } from './notifier-words.ts'

// Where a watcher is. It is counted among the others that are there.
const AWAY = 0
const SLEEPS = 1
const POLLS = 2

/** How many looks at the words there are to one at the descriptor; a power of two. */
const LOOKS = 64

/**
 * One who watches an event notifier: waits for its descriptor, or looks from userspace, in turns (rules N7, P6). While all
 * who watch it look from userspace `set()` writes nothing, in whatever thread.
 *
 * Others may write to the descriptor and know nothing of this, by its number (`EventNotifier.fromFd`) or in the kernel. So
 * every 64th look is at the descriptor.
 */
export class NotifierWatch {
  readonly #words: Int32Array
  readonly #eventfd: Eventfd
  #state = AWAY
  #looks = 0
  /** Those of this notifier that are not away. */
  readonly #watches: Set<NotifierWatch>

  /** @internal Made by `EventNotifier.watch()`. */
  constructor(words: Int32Array, eventfd: Eventfd, watches: Set<NotifierWatch>) {
    this.#words = words
    this.#eventfd = eventfd
    this.#watches = watches
  }

  /** From now on the descriptor is waited for, with what was set before. */
  start(): void {
    if (this.#state !== AWAY) return
    this.#state = SLEEPS
    this.#watches.add(this)
    Atomics.add(this.#words, SLEEPERS, 1)
    // It may have been set while others polled, of whom some were terminated since.
    this.#ringIfSet()
  }

  /**
   * Watches no more.
   *
   * @param isOpen false if the descriptor was closed by other code: its number may be another file's
   */
  stop(isOpen = true): void {
    const state = this.#state
    this.#state = AWAY
    this.#watches.delete(this)
    if (state === SLEEPS) Atomics.sub(this.#words, SLEEPERS, 1)
    if (state !== POLLS) return
    Atomics.sub(this.#words, POLLERS, 1)
    if (isOpen) this.#ringIfSet()
  }

  /** From now on `poll()` is what is looked at, and the descriptor need not become readable. */
  begin(): void {
    if (this.#state !== SLEEPS) return
    this.#state = POLLS
    Atomics.add(this.#words, POLLERS, 1)
    Atomics.sub(this.#words, SLEEPERS, 1)
  }

  /** From now on the descriptor is waited for again. */
  end(): void {
    if (this.#state !== POLLS) return
    this.#state = SLEEPS
    Atomics.add(this.#words, SLEEPERS, 1)
    Atomics.sub(this.#words, POLLERS, 1)
    this.#ringIfSet()
  }

  /** Whether the notifier is set. For use between `begin()` and `end()`, in nanoseconds, now and then with a system call. */
  poll(): boolean {
    if ((Atomics.load(this.#words, FLAGS) & SET) !== 0) return this.#state !== AWAY
    return (++this.#looks & (LOOKS - 1)) === 0 && this.#look()
  }

  /** Events that are in the descriptor alone go where the others are. What is closed has none. */
  #look(): boolean {
    const events = this.#state === POLLS ? eventfdRead(this.#eventfd.fd) : -1
    if (events < 0) return false
    if (events > 0) Atomics.or(this.#words, FLAGS, SET)
    // Somebody may wait for what was just read, also if it was a doorbell.
    if (needsDescriptor(this.#words)) this.#ringIfSet()
    return events > 0
  }

  /**
   * Pairs with EventNotifier.set(): set SET, load SLEEPERS and POLLERS there; store those, load SET here. What one of two
   * does not see the other one does. A descriptor that is no more nobody waits for.
   */
  #ringIfSet(): void {
    if ((Atomics.load(this.#words, FLAGS) & SET) === 0) return
    Atomics.or(this.#words, FLAGS, RUNG)
    this.#eventfd.ring()
  }
}
