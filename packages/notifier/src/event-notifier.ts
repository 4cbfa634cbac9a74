import { aioError, requireBoolean, requireInteger, requireObject } from '@aiokit/errors'
import {
  check,
  close,
  disown,
  duplicate,
  EAGAIN,
  EBADF,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  eventfd,
  eventfdRead,
  eventfdWrite,
  own,
} from '@aiokit/sys'
import { eventfdIdentity } from './eventfd-identity.ts'

/** What another thread needs to share a notifier: structured-cloneable. */
export interface EventNotifierHandle {
  readonly fd: number
  /** Which eventfd the descriptor is, so that it is not taken for what has its number later; -1 if that is not known. */
  readonly identity: number
}

/** What is passed to the constructor instead of options: a descriptor to wrap. Nobody else can make one. */
class Adopted {
  readonly active = false
  readonly fd: number
  readonly owned: boolean

  constructor(fd: number, owned: boolean) {
    this.fd = fd
    this.owned = owned
  }
}

/**
 * A flag that another thread can set and any poll(2)-like call can wait for: an eventfd(2) (rule N7).
 *
 * The descriptor's number means the same in every thread of the process. To share a notifier send its `handle` to
 * another thread and call `EventNotifier.from` there; or send its `fd`, which costs no descriptor, and wrap it with
 * `EventNotifier.fromFd`: then the owner must outlive the others.
 */
export class EventNotifier implements Disposable {
  #fd: number
  readonly #owned: boolean

  /**
   * @param options.active whether it begins set; default false
   * @throws SystemError EMFILE, ENFILE, ENOMEM: see eventfd(2); `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(options: { active?: boolean } = {}) {
    const { active = false } = requireObject(options, 'options')
    requireBoolean(active, 'options.active')
    if (options instanceof Adopted) {
      this.#fd = options.fd
      this.#owned = options.owned
    } else {
      this.#fd = check(eventfd(active ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd')
      this.#owned = true
      own(this.#fd)
    }
  }

  /**
   * Wraps the notifier of another thread. Closing it leaves the descriptor to its owner.
   *
   * @throws RangeError `ERR_AIO_OUT_OF_RANGE` if `fd` is no descriptor number
   */
  static fromFd(fd: number): EventNotifier {
    return new EventNotifier(new Adopted(requireInteger(fd, 'fd', 0, 0x7fff_ffff), false))
  }

  /**
   * The notifier of another thread by a descriptor of this thread's own, a duplicate: to be closed like any other, and
   * harmless to use when the owner has closed its.
   *
   * @throws `ERR_AIO_CLOSED` if the owner has closed it already; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`;
   *   SystemError EMFILE
   */
  static from(handle: EventNotifierHandle): EventNotifier {
    const { fd, identity } = requireObject(handle, 'handle')
    requireInteger(fd, 'handle.fd', 0, 0x7fff_ffff)
    requireInteger(identity, 'handle.identity', -1)
    const ours = duplicate(fd)
    if (ours < 0 && ours !== -EBADF) check(ours, 'fcntl')
    // Of the duplicate, because the number may become another file's at any moment.
    if (ours < 0 || (identity >= 0 && eventfdIdentity(ours) !== identity)) {
      if (ours >= 0) close(ours)
      throw aioError(
        'ERR_AIO_CLOSED',
        'The owner has closed this EventNotifier: keep it open for as long as others may begin to use it.',
      )
    }
    return new EventNotifier(new Adopted(ours, true))
  }

  /**
   * Send this to another thread, and call `EventNotifier.from(handle)` there.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`
   */
  get handle(): EventNotifierHandle {
    const fd = this.#open()
    return { fd, identity: eventfdIdentity(fd) }
  }

  /** Readable while the notifier is set; -1 after `close()`. */
  get fd(): number {
    return this.#fd
  }

  /**
   * Sets it. Never blocks; any thread may call it.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`; SystemError EBADF if the owner has closed the descriptor
   */
  set(): void {
    const result = eventfdWrite(this.#open())
    // A counter that is full is readable, which is all that is asked for.
    if (result !== 0 && result !== -EAGAIN) check(result, 'write')
  }

  /**
   * Clears it. Returns true if it was set, once for any number of `set()` calls before.
   *
   * @throws `ERR_AIO_CLOSED` after `close()`; SystemError EBADF if the owner has closed the descriptor
   */
  testAndClear(): boolean {
    const result = eventfdRead(this.#open())
    if (result === 0) return true
    if (result !== -EAGAIN) check(result, 'read')
    return false
  }

  /** Closes the descriptor if this notifier owns it. May be called twice. Remove its handlers first. */
  close(): void {
    const fd = this.#fd
    this.#fd = -1
    if (this.#owned && fd >= 0) check(close(fd), 'close')
  }

  /** The descriptor was closed by other code: its number may be another file's, which `close()` leaves alone. */
  abandon(): void {
    if (this.#owned && this.#fd >= 0) disown(this.#fd)
    this.#fd = -1
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #open(): number {
    if (this.#fd < 0) throw aioError('ERR_AIO_CLOSED', 'This EventNotifier is closed: make a new one.')
    return this.#fd
  }
}
