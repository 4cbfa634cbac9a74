import { requireFunction, requireInteger, requireObject } from '@aiokit/errors'
import {
  type AioHandler,
  type FdMonitor,
  type FdMonitorFactory,
  type FdMonitorHost,
  type ReadyList,
  restartInterrupted,
} from '@aiokit/fdmon'
import { check, F_GETFD, fcntl, POLLNVAL, ppoll } from '@aiokit/sys'

export interface PollMonitorOptions {
  /**
   * Hands over to another monitor when this many descriptors are registered: ppoll(2) looks at all of them at every
   * wait. If the other one cannot be made, this one stays and the reason is recorded.
   */
  upgrade?: { at: number; to: FdMonitorFactory }
}

/** A file descriptor monitor on ppoll(2): nanosecond timeouts, any descriptor, O(registered) for each wait (M2). */
export function pollMonitor(options: PollMonitorOptions = {}): FdMonitorFactory {
  const { upgrade } = requireObject(options, 'options')
  if (upgrade !== undefined) {
    requireObject(upgrade, 'options.upgrade')
    requireInteger(upgrade.at, 'options.upgrade.at', 1)
    requireFunction(upgrade.to, 'options.upgrade.to')
  }
  return (host) => new PollMonitor(host, upgrade)
}

// struct pollfd: int fd; short events; short revents. As 16-bit words: fd in 0 and 1, events in 2, revents in 3.
const POLLFD_SIZE = 8
const FD = 0
const FD_STRIDE = POLLFD_SIZE / 4
const EVENTS = 2
const REVENTS = 3
const WORD_STRIDE = POLLFD_SIZE / 2

class PollMonitor implements FdMonitor {
  readonly name = 'poll'
  readonly backendFd = -1
  systemCalls = 0

  readonly #host: FdMonitorHost
  #upgrade: PollMonitorOptions['upgrade']
  // The array of struct pollfd as the kernel sees it, kept up to date by update() so that a wait builds nothing.
  // handler.slot is the index into it and into #handlers.
  #buffer = new ArrayBuffer(64 * POLLFD_SIZE)
  #fds = new Int32Array(this.#buffer)
  #words = new Uint16Array(this.#buffer)
  readonly #handlers: AioHandler[] = []

  constructor(host: FdMonitorHost, upgrade: PollMonitorOptions['upgrade']) {
    this.#host = host
    this.#upgrade = upgrade
  }

  update(handler: AioHandler, events: number): void {
    if (events === 0) {
      if (handler.events !== 0) this.#remove(handler)
    } else if (handler.events === 0) {
      const successor = this.#successor()
      if (successor === null) this.#add(handler, events)
      else successor.update(handler, events)
    } else {
      this.#requireOpen(handler)
      this.#words[handler.slot * WORD_STRIDE + EVENTS] = events
      handler.events = events
    }
  }

  wait(ready: ReadyList, timeoutNs: number): void {
    let left = check(restartInterrupted(this.#ppoll, timeoutNs), 'ppoll')
    let closed: AioHandler[] | null = null
    for (let slot = 0; left > 0; slot++) {
      const revents = this.#words[slot * WORD_STRIDE + REVENTS]!
      if (revents === 0) continue
      left--
      const handler = this.#handlers[slot]!
      if ((revents & POLLNVAL) === 0) {
        ready.add(handler, revents)
      } else {
        this.#remove(handler)
        slot-- // the last one has taken its place and is to be looked at too
        closed ??= []
        closed.push(handler)
      }
    }
    // Afterwards, because whoever hears of it may register, remove, or replace this monitor.
    if (closed !== null) this.#host.closed(closed)
  }

  needWait(): boolean {
    return false
  }

  prepare(): boolean {
    return false
  }

  check(): boolean {
    return true
  }

  collect(ready: ReadyList): void {
    this.wait(ready, 0)
  }

  close(): void {
    for (const handler of this.#handlers) handler.events = 0
    this.#handlers.length = 0
  }

  readonly #ppoll = (timeoutNs: number): number => {
    this.systemCalls++
    return ppoll(this.#words, this.#handlers.length, timeoutNs)
  }

  #add(handler: AioHandler, events: number): void {
    this.#requireOpen(handler)
    const slot = this.#handlers.push(handler) - 1
    if (slot * POLLFD_SIZE === this.#buffer.byteLength) this.#grow()
    handler.slot = slot
    handler.events = events
    this.#fds[slot * FD_STRIDE + FD] = handler.fd
    this.#words[slot * WORD_STRIDE + EVENTS] = events
  }

  /** The last one takes the place of the removed one, so that the array stays dense. */
  #remove(handler: AioHandler): void {
    const { slot } = handler
    const last = this.#handlers.pop()!
    if (last !== handler) {
      this.#handlers[slot] = last
      last.slot = slot
      this.#fds[slot * FD_STRIDE + FD] = last.fd
      this.#words[slot * WORD_STRIDE + EVENTS] = last.events
      this.#words[slot * WORD_STRIDE + REVENTS] = this.#words[this.#handlers.length * WORD_STRIDE + REVENTS]!
    }
    handler.events = 0
  }

  #grow(): void {
    const old = this.#fds
    this.#buffer = new ArrayBuffer(2 * this.#buffer.byteLength)
    this.#fds = new Int32Array(this.#buffer)
    this.#fds.set(old)
    this.#words = new Uint16Array(this.#buffer)
  }

  /** ppoll(2) would report a bad descriptor at the next wait only; it is refused at registration (F3). */
  #requireOpen(handler: AioHandler): void {
    this.systemCalls++
    check(fcntl(handler.fd, F_GETFD, 0), 'fcntl', `(fd ${handler.fd})`)
  }

  /** The monitor that takes over before one more descriptor is added; null to go on here. */
  #successor(): FdMonitor | null {
    if (this.#upgrade === undefined || this.#handlers.length + 1 < this.#upgrade.at) return null
    const { to } = this.#upgrade
    this.#upgrade = undefined
    try {
      return this.#host.replace(to)
    } catch (error) {
      this.#host.fellBack(error as Error)
      return null
    }
  }
}
