import { type AioHandler, type FdCallbacks, type FdTable, IN } from '@aiokit/fdmon'
import {
  check,
  close,
  EPERM,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  epollCreate1,
  epollCtl,
  own,
} from '@aiokit/sys'

interface Entry {
  /** Of one registration: the same number, registered again, may be another file. */
  readonly callbacks: FdCallbacks
  /** epoll refuses it, since it is always ready: a regular file. */
  readonly isAlwaysReady: boolean
}

/**
 * One descriptor for Node's loop to wait for, in the place of all that a monitor watches that has none of its own: an
 * epoll(7) instance that is kept like the monitor. Not libuv's watches: each makes its descriptor non-blocking, for
 * everybody who has it, and there can be only one for a descriptor.
 */
export class PollSet {
  #fd: number = create()
  readonly #entries: Map<number, Entry> = new Map<number, Entry>()
  #alwaysReady = 0
  /** As of which changes of the handlers it is kept. */
  #seen = -1
  /** One that no handler is for; -1: none. */
  readonly #other: number

  /** @throws SystemError EMFILE, ENFILE, ENOMEM */
  constructor(other: number) {
    this.#other = other
    this.#addOther()
  }

  get fd(): number {
    return this.#fd
  }

  get hasAlwaysReady(): boolean {
    return this.#alwaysReady > 0
  }

  update(fds: FdTable): void {
    if (fds.changes === this.#seen) return
    this.#seen = fds.changes
    for (const [fd, entry] of this.#entries) {
      if (fds.get(fd)?.callbacks !== entry.callbacks) this.#remove(fd, entry)
    }
    for (const handler of fds.handlers()) if (!this.#entries.has(handler.fd)) this.#add(handler)
  }

  /**
   * As another descriptor, with nothing in it until the next update. What was closed under its number while there is a
   * duplicate of it is reported for ever, and cannot be taken out.
   */
  renew(): void {
    const fd = create()
    close(this.#fd)
    this.#fd = fd
    this.#entries.clear()
    this.#alwaysReady = 0
    this.#seen = -1
    this.#addOther()
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }

  /** Whether `fd` is this one, or the other that it has. */
  owns(fd: number): boolean {
    return fd >= 0 && (fd === this.#fd || fd === this.#other)
  }

  #addOther(): void {
    if (this.#other >= 0) epollCtl(this.#fd, EPOLL_CTL_ADD, this.#other, IN, this.#other, 0)
  }

  #add(handler: AioHandler): void {
    const { fd, events, callbacks } = handler
    if (events === 0) return
    // Whatever else it says (EBADF: it is closed by now), the monitor says it as well when it looks.
    const isAlwaysReady = epollCtl(this.#fd, EPOLL_CTL_ADD, fd, events, fd, 0) === -EPERM
    if (isAlwaysReady) this.#alwaysReady++
    this.#entries.set(fd, { callbacks, isAlwaysReady })
  }

  #remove(fd: number, { isAlwaysReady }: Entry): void {
    this.#entries.delete(fd)
    if (isAlwaysReady) this.#alwaysReady--
    else epollCtl(this.#fd, EPOLL_CTL_DEL, fd, 0, 0, 0)
  }
}

function create(): number {
  const fd = check(epollCreate1(EPOLL_CLOEXEC), 'epoll_create1')
  own(fd)
  return fd
}
