import { requireFunction, requireObject } from '@aiokit/errors'
import {
  type AioHandler,
  type FdMonitor,
  type FdMonitorFactory,
  type FdMonitorHost,
  type ReadyList,
  restartInterrupted,
} from '@aiokit/fdmon'
import {
  check,
  close,
  disown,
  EBADF,
  EEXIST,
  EINVAL,
  ELOOP,
  ENOENT,
  ENOSYS,
  EPERM,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_DATA_OFFSET,
  EPOLL_EVENT_SIZE,
  epollCreate1,
  epollCtl,
  epollPwait2,
  epollWait,
  F_GETFD,
  fcntl,
  own,
  SystemError,
} from '@aiokit/sys'

export interface EpollMonitorOptions {
  /** Takes over if epoll fails at run time: out of memory or of the user's watches, or its descriptor closed by other code. */
  fallback?: FdMonitorFactory
}

/** A file descriptor monitor on epoll(7): O(ready) for each wait, nanosecond timeouts (M3). */
export function epollMonitor(options: EpollMonitorOptions = {}): FdMonitorFactory {
  const { fallback } = requireObject(options, 'options')
  if (fallback !== undefined) requireFunction(fallback, 'options.fallback')
  return (host) => new EpollMonitor(host, fallback)
}

// struct epoll_event as 32-bit words: events, (padding,) slot, generation.
const STRIDE = EPOLL_EVENT_SIZE / 4
const DATA = EPOLL_DATA_OFFSET / 4

/** A wait fetches at most this many events to begin with; the kernel rotates, so none starves (F10). */
const MIN_EVENTS = 128
const MAX_EVENTS = 8192

/** One registration is verified every so many waits (F8): the kernel drops a closed descriptor without a word. */
const WAITS_PER_VERIFICATION = 128

class EpollMonitor implements FdMonitor {
  readonly name = 'epoll'
  backendFd: number
  systemCalls = 1

  readonly #host: FdMonitorHost
  readonly #fallback: FdMonitorFactory | undefined
  #events = new Int32Array(MIN_EVENTS * STRIDE)
  #capacity = MIN_EVENTS
  /** By slot. Events carry the slot and the generation, so that one for a registration that is gone calls nobody. */
  readonly #handlers: (AioHandler | null)[] = []
  readonly #freeSlots: number[] = []
  #generation = 0
  /** What epoll refuses because it has no readiness: regular files and the like are always ready (F7). */
  readonly #alwaysReady: Set<AioHandler> = new Set<AioHandler>()
  #waits = 0
  #verified = 0
  /** Found closed by the call that is running, to be reported at its end: who hears of it may call anything. */
  #lost: AioHandler[] = []

  constructor(host: FdMonitorHost, fallback: FdMonitorFactory | undefined) {
    this.#host = host
    this.#fallback = fallback
    this.backendFd = check(createInstance(), 'epoll_create1')
  }

  update(handler: AioHandler, events: number): void {
    if (events === 0) this.#remove(handler)
    else if (handler.events === 0) this.#add(handler, events)
    else this.#modify(handler, events)
  }

  wait(ready: ReadyList, timeoutNs: number): void {
    this.#look(ready, timeoutNs)
    if (this.#lost.length > 0) this.#reportLost()
  }

  needWait(): boolean {
    return false
  }

  prepare(): boolean {
    return this.#alwaysReady.size > 0
  }

  check(): boolean {
    return true
  }

  collect(ready: ReadyList): void {
    this.wait(ready, 0)
  }

  close(): void {
    for (const handler of this.#handlers) if (handler !== null) handler.events = 0
    for (const handler of this.#alwaysReady) handler.events = 0
    this.#handlers.length = 0
    this.#alwaysReady.clear()
    if (this.backendFd >= 0) close(this.backendFd)
    this.backendFd = -1
  }

  #look(ready: ReadyList, timeoutNs: number): void {
    if (this.#alwaysReady.size > 0) {
      this.#verifyAlwaysReady()
      for (const handler of this.#alwaysReady) ready.add(handler, handler.events)
      timeoutNs = 0
    }
    const found = restartInterrupted(this.#epollWait, timeoutNs)
    if (found < 0) {
      this.#fail(found, 'epoll_wait').wait(ready, timeoutNs)
      return
    }
    let stale = false
    for (let at = 0; at < found * STRIDE; at += STRIDE) {
      const handler = this.#handlers[this.#events[at + DATA]!]
      if (handler != null && handler.generation === this.#events[at + DATA + 1])
        ready.add(handler, this.#events[at]!)
      else stale = true
    }
    if (++this.#waits >= WAITS_PER_VERIFICATION) this.#verifySome(found)
    if (stale) this.#rebuild()
    else if (found === this.#capacity && found < MAX_EVENTS) this.#grow()
  }

  readonly #epollWait = (timeoutNs: number): number => {
    this.systemCalls++
    // epoll_wait does as well where there is no time to keep to, and is a fifth cheaper: no timespec to copy.
    if (timeoutNs > 0 && hasPwait2) {
      const found = epollPwait2(this.backendFd, this.#events, this.#capacity, timeoutNs)
      // EPERM is how old seccomp profiles refuse a call that they do not know.
      if (found !== -ENOSYS && found !== -EPERM) return found
      hasPwait2 = false
    }
    // Whole milliseconds, rounded up: rounded down, a loop would wake early and spin until its timer is due.
    const timeoutMs = timeoutNs < 0 ? -1 : Math.min(Math.ceil(timeoutNs / 1e6), 0x7fff_ffff)
    return epollWait(this.backendFd, this.#events, this.#capacity, timeoutMs)
  }

  #ctl(op: number, handler: AioHandler, events: number, instance: number = this.backendFd): number {
    this.systemCalls++
    return epollCtl(instance, op, handler.fd, events, handler.slot, handler.generation)
  }

  #add(handler: AioHandler, events: number): void {
    handler.slot = this.#freeSlots.pop() ?? this.#handlers.length
    handler.generation = this.#generation = (this.#generation + 1) | 0
    let result = this.#ctl(EPOLL_CTL_ADD, handler, events)
    // The same file under the same number, closed unregistered before and brought back by dup2: take it over.
    if (result === -EEXIST) result = this.#ctl(EPOLL_CTL_MOD, handler, events)
    if (result === 0) {
      this.#handlers[handler.slot] = handler
      handler.events = events
      return
    }
    this.#freeSlot(handler)
    if (result === -EPERM) {
      this.#alwaysReady.add(handler)
      handler.events = events
    } else if (result === -EINVAL || result === -ELOOP || (result === -EBADF && !isOpen(handler))) {
      // A bad descriptor, or one that an epoll instance cannot watch because it would watch itself.
      check(result, 'epoll_ctl', `(fd ${handler.fd})`)
    } else {
      this.#fail(result, 'epoll_ctl').update(handler, events)
    }
  }

  #modify(handler: AioHandler, events: number): void {
    if (this.#alwaysReady.delete(handler)) {
      this.#readd(handler, events)
      return
    }
    const result = this.#ctl(EPOLL_CTL_MOD, handler, events)
    if (result === 0) {
      handler.events = events
    } else if (result === -ENOENT || result === -EPERM || (result === -EBADF && !isOpen(handler))) {
      // The descriptor was closed behind our back; unless EBADF, its number belongs to another file by now.
      this.#forget(handler)
      this.#readd(handler, events)
    } else {
      this.#fail(result, 'epoll_ctl').update(handler, events)
    }
  }

  /** A number that may be another file by now, or none: if it cannot be watched, nothing of it stays. */
  #readd(handler: AioHandler, events: number): void {
    handler.events = 0
    try {
      this.#add(handler, events)
    } catch (error) {
      this.#host.closed([handler])
      throw error
    }
  }

  #remove(handler: AioHandler): void {
    if (handler.events === 0) return
    if (this.#alwaysReady.delete(handler)) {
      handler.events = 0
      return
    }
    // Fails if the descriptor is closed already, in which case the kernel has removed it or #rebuild() will.
    this.#ctl(EPOLL_CTL_DEL, handler, 0)
    this.#forget(handler)
  }

  #forget(handler: AioHandler): void {
    this.#handlers[handler.slot] = null
    handler.events = 0
    this.#freeSlot(handler)
  }

  #freeSlot(handler: AioHandler): void {
    if (handler.slot < this.#handlers.length) this.#freeSlots.push(handler.slot)
    handler.slot = -1
  }

  #grow(): void {
    this.#capacity *= 2
    this.#events = new Int32Array(this.#capacity * STRIDE)
  }

  /**
   * An event came for a registration that is gone: its descriptor was closed while a duplicate lives on (dup, fork,
   * a message), which keeps the registration alive, out of reach of EPOLL_CTL_DEL and reporting for ever. Only a new
   * epoll instance gets rid of it.
   */
  #rebuild(): void {
    this.systemCalls += 2
    // The old instance still knows which file each number meant; the new one takes whatever it means now.
    for (const handler of this.#handlers) if (handler !== null) this.#verify(handler)
    const fresh = createInstance()
    let result = fresh
    for (const handler of this.#handlers) {
      if (result < 0) break
      if (handler === null) continue
      result = this.#ctl(EPOLL_CTL_ADD, handler, handler.events, fresh)
      // Closed by another thread since.
      if (result === -EBADF && !isOpen(handler)) result = this.#lose(handler)
    }
    if (result >= 0) {
      close(this.backendFd)
      this.backendFd = fresh
    } else {
      if (fresh >= 0) close(fresh)
      this.#fail(result, fresh < 0 ? 'epoll_create1' : 'epoll_ctl')
    }
  }

  /**
   * Finds, sooner or later, the descriptor that was closed without being unregistered: one that is silent, by going
   * through all of them, and one that a duplicate keeps reporting, by going through what is reported.
   */
  #verifySome(found: number): void {
    this.#waits = 0
    this.#verified++
    this.#verifyAt(this.#verified % this.#handlers.length)
    if (found > 0) this.#verifyAt(this.#events[(this.#verified % found) * STRIDE + DATA]!)
  }

  #verifyAt(slot: number): void {
    const handler = this.#handlers[slot]
    if (handler != null) this.#verify(handler)
  }

  #verify(handler: AioHandler): void {
    const result = this.#ctl(EPOLL_CTL_MOD, handler, handler.events)
    // EPERM: the number is by now of a file that epoll cannot watch at all.
    const isOther = result === -ENOENT || result === -EPERM
    if (isOther || (result === -EBADF && !isOpen(handler))) this.#lose(handler)
  }

  #lose(handler: AioHandler): 0 {
    this.#forget(handler)
    this.#lost.push(handler)
    return 0
  }

  /** The same for one of those that epoll does not watch: it still refuses them, or they are not what they were. */
  #verifyAlwaysReady(): void {
    const handler: AioHandler = this.#alwaysReady.values().next().value!
    const result = this.#ctl(EPOLL_CTL_ADD, handler, 0)
    this.#alwaysReady.delete(handler)
    // EBADF may mean the epoll instance too, which the wait that follows deals with.
    const isClosed = result === 0 || (result === -EBADF && !isOpen(handler))
    if (!isClosed) {
      this.#alwaysReady.add(handler) // at the end: another one is next
      return
    }
    if (result === 0) this.#ctl(EPOLL_CTL_DEL, handler, 0)
    handler.events = 0
    this.#lost.push(handler)
  }

  #reportLost(): void {
    const lost = this.#lost
    this.#lost = []
    this.#host.closed(lost)
  }

  /** epoll does not work any more: goes on with the fallback, which has taken over all handlers when this returns. */
  #fail(result: number, syscall: string): FdMonitor {
    const error = new SystemError(result, syscall)
    // The number is no epoll instance of ours any more: close() must not close what it belongs to now.
    if (result === -EBADF || (syscall === 'epoll_wait' && result === -EINVAL)) {
      disown(this.backendFd)
      this.backendFd = -1
    }
    if (this.#fallback === undefined) throw error
    this.#host.fellBack(error)
    return this.#host.replace(this.#fallback)
  }
}

/** Returns a descriptor that is closed with its thread, or -errno. */
function createInstance(): number {
  const fd = epollCreate1(EPOLL_CLOEXEC)
  if (fd >= 0) own(fd)
  return fd
}

/** Since Linux 5.11; learned from the first call. */
let hasPwait2 = true

function isOpen(handler: AioHandler): boolean {
  return fcntl(handler.fd, F_GETFD, 0) >= 0
}
