import { aioError, requireBoolean, requireObject } from '@aiokit/errors'
import { check, EAGAIN } from '@aiokit/sys'
import { Eventfd, type EventfdHandle } from './eventfd.ts'
import { NotifierWatch } from './notifier-watch.ts'
import { FLAGS, needsDescriptor, newWords, RUNG, requireWords, SET } from './notifier-words.ts'

/** What another thread needs to share a notifier: structured-cloneable. */
export interface EventNotifierHandle extends EventfdHandle {
  /** Null if there is nothing about it in memory: it was made by `fromFd`. */
  readonly words: Int32Array | null
}

/** What is passed to the constructor instead of options. Nobody else can make one. */
class Adopted {
  readonly active = false
  readonly eventfd: Eventfd
  readonly words: Int32Array | null

  constructor(eventfd: Eventfd, words: Int32Array | null) {
    this.eventfd = eventfd
    this.words = words
  }
}

/**
 * A flag that another thread can set and any poll(2)-like call can wait for: an eventfd(2) (rule N7).
 *
 * To share a notifier send its `handle` to another thread and call `EventNotifier.from` there. Then it is in shared memory as
 * well: while all who watch it look there (see `watch`), neither `set()` nor `testAndClear()` is a system call. Or send its
 * `fd`, whose number means the same in every thread of the process, and wrap it with `EventNotifier.fromFd`, which costs no
 * descriptor: then the owner must outlive the others, and each of both is a system call.
 */
export class EventNotifier implements Disposable {
  readonly #eventfd: Eventfd
  /** Null as long as it is not shared and not watched: nobody would look at them. */
  #words: Int32Array | null = null
  /** The number is all that is known of it: words of its own nobody else would have. */
  readonly #isNumber: boolean
  readonly #watches: Set<NotifierWatch> = new Set<NotifierWatch>()

  /**
   * @param options.active whether it begins set; default false
   * @throws SystemError EMFILE, ENFILE, ENOMEM: see eventfd(2); `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(options: { active?: boolean } = {}) {
    const { active = false } = requireObject(options, 'options')
    requireBoolean(active, 'options.active')
    if (options instanceof Adopted) {
      this.#eventfd = options.eventfd
      this.#words = options.words
      this.#isNumber = options.words === null
    } else {
      this.#eventfd = Eventfd.make(active)
      this.#isNumber = false
    }
  }

  /**
   * Wraps the notifier of another thread. Closing it leaves the descriptor to its owner.
   *
   * What is taken here of what those set who share its `handle`, is not taken from them if they look from userspace.
   *
   * @throws RangeError `ERR_AIO_OUT_OF_RANGE` if `fd` is no descriptor number
   */
  static fromFd(fd: number): EventNotifier {
    return new EventNotifier(new Adopted(Eventfd.wrap(fd), null))
  }

  /**
   * The notifier of another thread by a descriptor of this thread's own, a duplicate: to be closed like any other, and
   * harmless to use when the owner has closed its.
   *
   * @throws `ERR_AIO_CLOSED` if the owner has closed it already; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`;
   *   SystemError EMFILE
   */
  static from(handle: EventNotifierHandle): EventNotifier {
    const { fd, identity, words } = requireObject(handle, 'handle')
    if (words !== null) requireWords(words, handle)
    return new EventNotifier(new Adopted(Eventfd.from({ fd, identity }, 'EventNotifier'), words))
  }

  /**
   * Send this to another thread, and call `EventNotifier.from(handle)` there.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`
   */
  get handle(): EventNotifierHandle {
    this.#requireOpen()
    return { ...this.#eventfd.handle, words: this.#shareWords() }
  }

  /**
   * Readable while the notifier is set and nobody polls it; -1 after `close()`. A context that polls before it sleeps may do
   * so from one of its polls to the next one.
   */
  get fd(): number {
    return this.#eventfd.fd
  }

  /**
   * Sets it. Never blocks; any thread may call it. No system call while all who watch it look from userspace.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`; SystemError EBADF if the owner has closed the descriptor
   */
  set(): void {
    this.#requireOpen()
    const words = this.#words
    if (words === null) {
      this.#eventfd.add()
      return
    }
    // Pairs with NotifierWatch: set SET, load who needs the descriptor here; store that, load SET there. A read and a write in
    // one: whoever takes it is ordered after all who have set it, and not only after the last one.
    Atomics.or(words, FLAGS, SET)
    // Not skipped if it was set before: whoever set it may not write, because its thread was terminated first.
    if (!needsDescriptor(words)) return
    // First, so that whoever takes it knows that there is something to read, or will be.
    Atomics.or(words, FLAGS, RUNG)
    check(this.#eventfd.ring(), 'write')
  }

  /**
   * Clears it. Returns true if it was set, once for any number of `set()` calls before.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`; SystemError EBADF if the owner has closed the descriptor
   */
  testAndClear(): boolean {
    this.#requireOpen()
    const words = this.#words
    if (words === null) return this.#eventfd.take() !== -EAGAIN
    // Nothing but the words tells of it. If it is not set the descriptor is read in any case: whoever is here because that is
    // readable would be here again and again.
    if (Atomics.compareExchange(words, FLAGS, SET, 0) === SET) return true
    // First the descriptor: a set() whose doorbell is swallowed has set SET before, and is seen. The other way round one
    // that comes in between would leave SET and a descriptor that is not readable.
    const events = this.#eventfd.take()
    return (Atomics.exchange(words, FLAGS, 0) & SET) !== 0 || events > 0
  }

  /**
   * For loops that poll from userspace before they sleep: somebody who watches this notifier. Null of what `fromFd` has made,
   * about which there is nothing in memory.
   *
   * A thread that is terminated goes on being counted as what it was. New watchers are told all the same; but one that waits
   * for `fd` without a watch waits in vain if all whose threads were not terminated are gone and one was while it polled.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`
   */
  watch(): NotifierWatch | null {
    this.#requireOpen()
    const words = this.#shareWords()
    return words === null ? null : new NotifierWatch(words, this.#eventfd, this.#watches)
  }

  /** Closes the descriptor if this notifier owns it. May be called twice. Remove its handlers first. */
  close(): void {
    for (const watch of this.#watches) watch.stop()
    this.#eventfd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #shareWords(): Int32Array | null {
    if (!this.#isNumber) this.#words ??= newWords()
    return this.#words
  }

  #requireOpen(): void {
    if (this.#eventfd.fd < 0)
      throw aioError('ERR_AIO_CLOSED', 'This EventNotifier is closed: make a new one.')
  }
}
