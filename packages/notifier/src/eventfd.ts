import { aioError, requireInteger, requireObject } from '@aiokit/errors'
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

/** What another thread needs to have a descriptor of its own of an eventfd: structured-cloneable. */
export interface EventfdHandle {
  readonly fd: number
  /** Which eventfd the descriptor is, so that it is not taken for what has its number later; -1 if that is not known. */
  readonly identity: number
}

/** What is added to the counter by a write that is no event and says no more than: look again. Events are in its low half. */
const DOORBELL = 2 ** 32

/** The descriptor of an eventfd(2), non-blocking and close-on-exec, or a number that somebody else owns. */
export class Eventfd {
  #fd: number
  readonly #owned: boolean

  private constructor(fd: number, owned: boolean) {
    this.#fd = fd
    this.#owned = owned
  }

  /** @throws SystemError EMFILE, ENFILE, ENOMEM: see eventfd(2) */
  static make(active: boolean): Eventfd {
    const fd = check(eventfd(active ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd')
    own(fd)
    return new Eventfd(fd, true)
  }

  /** @throws RangeError `ERR_AIO_OUT_OF_RANGE` if `fd` is no descriptor number */
  static wrap(fd: number): Eventfd {
    return new Eventfd(requireInteger(fd, 'fd', 0, 0x7fff_ffff), false)
  }

  /**
   * A duplicate of another thread's.
   *
   * @param name of what it is part of
   * @throws `ERR_AIO_CLOSED` if the owner has closed it already; `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`;
   *   SystemError EMFILE
   */
  static from(handle: EventfdHandle, name: string): Eventfd {
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
        `The owner has closed this ${name}: keep it open for as long as others may begin to use it.`,
      )
    }
    return new Eventfd(ours, true)
  }

  get handle(): EventfdHandle {
    return { fd: this.#fd, identity: eventfdIdentity(this.#fd) }
  }

  /** -1 after `close()`. */
  get fd(): number {
    return this.#fd
  }

  /** Writes an event. A counter that is full is readable, which is all that is asked for. @throws SystemError EBADF */
  add(): void {
    const result = eventfdWrite(this.#fd)
    if (result !== 0 && result !== -EAGAIN) check(result, 'write')
  }

  /** Makes it readable, by what is no event. Returns 0 or -errno; a counter that is full is readable. */
  ring(): number {
    const result = eventfdWrite(this.#fd, DOORBELL)
    return result === -EAGAIN ? 0 : result
  }

  /**
   * Takes all that was written. Returns how many events that were, 0 if it was only doorbells, and -EAGAIN if it was nothing.
   *
   * @throws SystemError EBADF
   */
  take(): number {
    const result = eventfdRead(this.#fd)
    return result < 0 && result !== -EAGAIN ? check(result, 'read') : result
  }

  /** May be called twice. */
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
}
