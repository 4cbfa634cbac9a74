import { aioError, aioTypeError, describe, requireObject } from '@aiokit/errors'
import { Eventfd, type EventfdHandle } from './eventfd.ts'

/** What another thread needs to notify: structured-cloneable. */
export interface NotifyGateHandle {
  readonly words: Int32Array
  readonly notifier: EventfdHandle
}

// The words of the gate. Nothing outside this file reads or writes them.
/** How badly the owner wants to hear: 2 for each poll that may be asleep, plus bit 0 while a host loop may be. */
const NOTIFY_ME = 0
/** Something was scheduled since the owner last accepted. */
const NOTIFIED = 1
/** Statistics: eventfd writes made and avoided, by all threads, modulo 2**32. */
const WRITES = 2
const AVOIDED = 3
const WORDS = 4

const HOST = 1
const SLEEPER = 2

/** Sides of other threads that were forgotten and not closed: their descriptors are not needed any more. */
const forgotten: FinalizationRegistry<Eventfd> = new FinalizationRegistry((notifier) => notifier.close())

/**
 * Wakes the thread that owns an event loop, with a system call only if it sleeps (rules N1 to N4).
 *
 * Whoever makes work for the loop first publishes the work and then calls `notify()`. The owner, before it may
 * sleep, raises `notifyMe` and then looks at `notified`. JavaScript's Atomics are sequentially consistent, so of the
 * two stores (`notified` here, `notifyMe` there) one is first, and the load that follows the other one sees it:
 * either the notifier sees a sleeper and writes the eventfd, or the owner sees the notification and does not sleep.
 * No order of events leaves published work undone while the owner sleeps. Model: tooling/models/notify-gate.pml.
 *
 * A loop uses it like this, and every wait needs the whole sequence:
 *
 *     const timeout = ...                      // looks at the published work
 *     const maySleep = gate.beginWait()
 *     wait for gate.fd and others, for maySleep ? timeout : 0
 *     gate.endWait()
 *     gate.accept(gate.fd was readable)
 *     ...                                      // looks at the published work again
 */
export class NotifyGate implements Disposable {
  readonly #words: Int32Array
  readonly #notifier: Eventfd
  readonly #isOwner: boolean
  /**
   * Owner: what else is to be done when there is new work of its own, for a host loop that would end without any. One that
   * can be told not to sleep says `hostCheck()` here, and nothing is written.
   */
  onNudge: (() => void) | null = null

  /**
   * Makes a gate owned by this thread, or with `handle` the notifying side of one in another thread, with a descriptor
   * of its own: it never writes to anything else, however the owner ends.
   *
   * @throws SystemError EMFILE, ENFILE, ENOMEM: see eventfd(2); `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_CLOSED` if the
   *   owner has closed it already
   */
  constructor(handle?: NotifyGateHandle) {
    this.#isOwner = handle === undefined
    if (handle === undefined) {
      this.#words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))
      this.#notifier = Eventfd.make(false)
      return
    }
    const { words, notifier } = requireObject(handle, 'handle')
    if (
      !(words instanceof Int32Array && words.buffer instanceof SharedArrayBuffer && words.length === WORDS)
    ) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"handle" must be what another gate's \`handle\` gave. Received ${describe(handle)}.`,
      )
    }
    this.#words = words
    this.#notifier = Eventfd.from(notifier, 'NotifyGate')
    forgotten.register(this, this.#notifier, this)
  }

  /**
   * Send this to another thread and make a `new NotifyGate(handle)` of it there.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`
   */
  get handle(): NotifyGateHandle {
    this.#requireOpen()
    return { words: this.#words, notifier: this.#notifier.handle }
  }

  /** Readable when a sleeping owner is to wake. */
  get fd(): number {
    return this.#notifier.fd
  }

  /**
   * Any thread: what was published before is seen by the owner's next look, and an owner that sleeps is woken (N1).
   *
   * After the owner has closed the gate, or its thread has ended, nobody sleeps on it and this wakes nobody.
   *
   * @throws `ERR_AIO_CLOSED` if the owner sleeps and this side is closed, or abandoned
   */
  notify(): void {
    const words = this.#words
    // Pairs with beginWait(): store notified, load notifyMe here; store notifyMe, load notified there.
    Atomics.store(words, NOTIFIED, 1)
    // Not skipped if `notified` was set before: whoever set it may not write, because its thread was terminated first.
    if (Atomics.load(words, NOTIFY_ME) !== 0) this.#write()
    else Atomics.add(words, AVOIDED, 1)
  }

  /**
   * Owner: there is new work of its own (a bottom half, an earlier deadline). While the owner runs nothing sleeps on
   * its behalf, and it looks at its own work before it waits, so nothing needs to be noted; only a host loop between
   * prepare and check has to be told.
   */
  nudge(): void {
    if (this.onNudge !== null) this.onNudge()
    if (Atomics.load(this.#words, NOTIFY_ME) !== 0) this.#write()
    else Atomics.add(this.#words, AVOIDED, 1)
  }

  /**
   * Owner, after it computed its timeout: says that it may go to sleep. Each call needs an `endWait()`; they nest.
   * Returns false if it was notified meanwhile and must not block (N2).
   */
  beginWait(): boolean {
    // A count and not a flag: polls nest, and a host loop may be between prepare and check at the same time.
    Atomics.add(this.#words, NOTIFY_ME, SLEEPER)
    return Atomics.load(this.#words, NOTIFIED) === 0
  }

  /** Owner: it is awake again. */
  endWait(): void {
    Atomics.sub(this.#words, NOTIFY_ME, SLEEPER)
  }

  /** Owner: a host loop is about to sleep on its behalf, until `hostCheck()` (N4). Returns as `beginWait()` does. */
  hostPrepare(): boolean {
    Atomics.or(this.#words, NOTIFY_ME, HOST)
    return Atomics.load(this.#words, NOTIFIED) === 0
  }

  /** Owner: the host loop is awake. */
  hostCheck(): void {
    Atomics.and(this.#words, NOTIFY_ME, ~HOST)
  }

  /**
   * Owner: takes the notification, after waiting and before it looks at any source of events (N3). A notification
   * that comes later is seen by the next `beginWait()`. Clearing later than this would lose one that came between
   * the look and the clearing.
   *
   * @param signalled whether `fd` was seen readable; saves a read otherwise
   */
  accept(signalled: boolean): void {
    if (signalled) this.#notifier.take()
    // Pairs with notify(): the work was published before `notified` was set, so it is seen after this load.
    if (Atomics.load(this.#words, NOTIFIED) !== 0) Atomics.store(this.#words, NOTIFIED, 0)
  }

  /** Any thread: whether something was notified and not yet accepted. For busy polling: no system call. */
  get notified(): boolean {
    return Atomics.load(this.#words, NOTIFIED) !== 0
  }

  /** eventfd writes that `notify()` and `nudge()` made, by all threads, modulo 2**32. */
  get writes(): number {
    return Atomics.load(this.#words, WRITES) >>> 0
  }

  /** Calls of `notify()` and `nudge()` that needed no eventfd write: the owner was awake. By all threads, modulo 2**32. */
  get writesAvoided(): number {
    return Atomics.load(this.#words, AVOIDED) >>> 0
  }

  /** Owner: other code closed the descriptor, whose number may be another file's by now. The gate wakes nobody any more. */
  abandon(): void {
    Atomics.store(this.#words, NOTIFY_ME, 0)
    this.#notifier.abandon()
  }

  /** Closes this side's descriptor. The owner is not notified any more, and others wake nobody. May be called twice. */
  close(): void {
    // First, so that a notifier that comes later does not write to a number that is another file's by then.
    if (this.#isOwner) Atomics.store(this.#words, NOTIFY_ME, 0)
    else forgotten.unregister(this)
    this.#notifier.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #write(): void {
    this.#requireOpen()
    Atomics.add(this.#words, WRITES, 1)
    this.#notifier.add()
  }

  #requireOpen(): void {
    if (this.#notifier.fd < 0) throw aioError('ERR_AIO_CLOSED', 'This NotifyGate is closed: make a new one.')
  }
}
