import { requireFunction, requireInteger, requireObject } from '@aiokit/errors'
import {
  type AioHandler,
  type BufferGroup,
  type CqeHandler,
  type FdMonitor,
  type FdMonitorFactory,
  type FdMonitorHost,
  type ReadyList,
  restartInterrupted,
  type Sqe,
  type SqeRequest,
} from '@aiokit/fdmon'
import {
  check,
  close,
  EAGAIN,
  EBUSY,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EINTR,
  ENOMEM,
  ETIME,
  eventfd,
  own,
  read,
} from '@aiokit/sys'
import { UringBufferGroup } from './buffer-group.ts'
import { PollRequests } from './poll-requests.ts'
import { Registrations } from './registrations.ts'
import { Requests } from './requests.ts'
import { Ring } from './ring.ts'
import { requireRing } from './support.ts'
import { CQE_FLAGS, CQE_RES, CQE_USER_DATA } from './uapi.ts'
import { GIVES_DESCRIPTOR, IS_REQUEST, NOBODY } from './user-data.ts'

export interface UringMonitorOptions {
  /** Entries of the submission queue, a power of two from 1 to 32,768; default 256. The completion queue takes 4 times as many. */
  entries?: number
  /** Is made instead if there can be no ring here, and no other context of the process has one; the reason is recorded. */
  fallback?: FdMonitorFactory
}

const DEFAULT_ENTRIES = 256

/**
 * A file descriptor monitor on io_uring(7): O(ready) for each wait, nanosecond timeouts, and requests of the program's
 * own (rules M4, M6, M7, U1 to U7).
 *
 * @throws the factory throws `ERR_AIO_NO_IO_URING` if there can be no ring here and there is no `fallback`, or another
 *   context of the process has a ring: requests on it are there for all contexts of a process or for none
 */
export function uringMonitor(options: UringMonitorOptions = {}): FdMonitorFactory {
  const { entries = DEFAULT_ENTRIES, fallback } = requireObject(options, 'options')
  requireInteger(entries, 'options.entries', 1, 32_768)
  if (fallback !== undefined) requireFunction(fallback, 'options.fallback')
  return (host) => {
    const ring = requireRing(() => new Ring(entries, 4 * entries), fallback !== undefined)
    if (ring instanceof Ring) return new UringMonitor(host, ring)
    host.fellBack(ring)
    return fallback!(host)
  }
}

/** For so long nothing that is closing waits without another look at what can be cancelled. */
const CLOSE_INTERVAL_NS = 1_000_000
/** What io_uring_enter(2) says when it is to be called again. */
const RETRY: readonly number[] = [ETIME, EINTR, EAGAIN, EBUSY, ENOMEM]

/**
 * Monitors that are not closed. The kernel writes to memory of their requests: they must not be collected, although
 * nobody else may know of them any more.
 */
const open: Set<UringMonitor> = new Set<UringMonitor>()

/** Waits on the ring, and gives each completion to whom it is for: to the poll requests of handlers, or to requests. */
class UringMonitor implements FdMonitor {
  readonly name = 'io_uring'
  /** The kernel writes completions, and that it has work to hand over, where this can see it. */
  readonly isWatchable = true

  readonly #ring: Ring
  readonly #polls: PollRequests
  readonly #requests: Requests
  readonly #registrations: Registrations
  readonly #groups: (UringBufferGroup | null)[] = []
  /** Of an eventfd that the kernel writes to while a host loop waits; -1 if none ever did. */
  #hostFd = -1
  readonly #count = new Uint8Array(8)
  /** See `FdMonitor.wait`. */
  #isAgain = false
  #closed = false

  constructor(host: FdMonitorHost, ring: Ring) {
    this.#ring = ring
    this.#polls = new PollRequests(host, ring, this.#makeRoom)
    this.#requests = new Requests(ring, this.#makeRoom, host.ctx ?? null)
    this.#registrations = new Registrations(ring.fd)
    open.add(this)
  }

  get backendFd(): number {
    return this.#closed ? -1 : this.#ring.fd
  }

  get systemCalls(): number {
    return this.#ring.systemCalls
  }

  get completions(): number {
    return this.#requests.delivered
  }

  get maxBatch(): number {
    return this.#requests.maxBatch
  }

  set maxBatch(count: number) {
    this.#requests.maxBatch = count
  }

  get inFlight(): number {
    return this.#requests.inFlight
  }

  get hasPending(): boolean {
    return this.#requests.hasPending
  }

  update(handler: AioHandler, events: number): void {
    this.#polls.update(handler, events)
  }

  wait(ready: ReadyList, timeoutNs: number, isAgain = false): void {
    this.#polls.beginWait(ready)
    this.#isAgain = isAgain
    this.#harvest(!isAgain)
    if (this.hasPending || this.#polls.verifyWoken() > 0) timeoutNs = 0
    const result = restartInterrupted(this.#enter, timeoutNs)
    this.#polls.endWait()
    if (result < 0) check(result, 'io_uring_enter')
    this.#polls.verify()
  }

  needWait(): boolean {
    return this.#polls.needWait || this.#requests.needWait || this.#ring.unsubmitted > 0 || this.#hasNews
  }

  dispatch(): boolean {
    return this.#requests.deliver()
  }

  prepare(): boolean {
    // A host loop that waits for the descriptors themselves needs no poll requests. Made when it has found one ready they
    // are answered at once: no completion comes later, to be called for and verified.
    if (this.#hostFd >= 0) this.#requests.prepareEntries()
    else this.#prepareEntries()
    if (this.#ring.unsubmitted > 0) this.#ring.enter(0, 0)
    if (this.#hostFd >= 0) this.#ring.wakes = true
    // After that: what came before it has written to nothing. What the kernel would not take is for the wait to submit.
    return this.#ring.unsubmitted > 0 || this.#hasNews
  }

  check(): boolean {
    if (this.#hostFd >= 0) this.#ring.wakes = false
    return this.#hasNews
  }

  /**
   * The ring's own descriptor will not do: a kernel that defers its work to io_uring_enter(2) says that the ring is
   * readable to who looks, but does not wake who waits (seen with Linux 6.18). Nor does this one tell of descriptors that
   * are watched: the kernel loses it when what woke the poll request is itself an eventfd (6.18: io_eventfd_do_signal).
   */
  hostFd(): number {
    if (this.#closed || this.#hostFd >= 0) return this.#hostFd
    const fd = check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd')
    own(fd)
    try {
      this.#ring.setEventfd(fd)
    } catch (error) {
      close(fd)
      throw error
    }
    this.#hostFd = fd
    return fd
  }

  drain(): boolean {
    return this.#hostFd >= 0 && read(this.#hostFd, this.#count) > 0
  }

  get #hasNews(): boolean {
    return this.hasPending || this.#ring.hasCompletions || this.#ring.hasWork
  }

  collect(ready: ReadyList): void {
    this.wait(ready, 0)
  }

  addSqe(prep: (sqe: Sqe) => void, handler: CqeHandler): SqeRequest {
    return this.#requests.add(prep, handler)
  }

  createBufferGroup(count: number, size: number): BufferGroup {
    this.#requests.requireOpen()
    const free = this.#groups.indexOf(null)
    const id = free < 0 ? this.#groups.length : free
    const group = new UringBufferGroup(this.#requests, this.#ring.fd, id, count, size, (closed) => {
      this.#groups[closed.id] = null
    })
    this.#groups[id] = group
    return group
  }

  registerBuffers(views: readonly ArrayBufferView[] | null): void {
    this.#requests.requireOpen()
    this.#registrations.setBuffers(views)
  }

  registerFiles(fds: readonly number[] | Int32Array | null): void {
    this.#requests.requireOpen()
    this.#registrations.setFiles(fds)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#requests.close()
    this.#polls.clear()
    this.#endRequests()
    for (const group of this.#groups) group?.unregister()
    this.#registrations.clear()
    this.#ring.close()
    if (this.#hostFd >= 0) close(this.#hostFd)
    this.#hostFd = -1
    open.delete(this)
    try {
      this.#requests.deliverAll()
    } finally {
      // Not earlier: what the last completions brought lies in them.
      for (const group of this.#groups) group?.close()
    }
  }

  /**
   * Returns when the kernel has let go of all memory. It cannot cancel what the disk is busy with; and what it cancels may
   * be followed by the next of a chain, which is to be cancelled in turn.
   */
  #endRequests(): void {
    this.#ring.cancelAll()
    this.#harvest(true)
    while (this.#requests.inFlight > 0 || this.#ring.hasWork) {
      const result = this.#ring.enter(this.#requests.inFlight, CLOSE_INTERVAL_NS)
      this.#harvest(true)
      if (result < 0 && !RETRY.includes(-result)) break
      if (this.#requests.inFlight > 0) this.#ring.cancelAll()
    }
    // Somebody has closed the ring, which has ended them; nobody can tell how.
    if (this.#requests.inFlight > 0) this.#requests.answerRest()
  }

  readonly #enter = (timeoutNs: number): number => {
    this.#prepareEntries()
    const ring = this.#ring
    // Making room for entries may have found some.
    if (this.hasPending) timeoutNs = 0
    // What has woken a poll request before the wait is old: since then the program may have undone it, and the kernel
    // does not look again. What wakes one while this thread sleeps is news.
    const hasWork = ring.hasWork
    const isOld = hasWork && !this.#isAgain
    if (timeoutNs === 0 && ring.unsubmitted === 0 && !hasWork)
      return this.#harvest(!this.#isAgain) + this.#polls.verifyWoken()
    const result = ring.enter(timeoutNs === 0 ? 0 : 1, timeoutNs)
    let found = this.#harvest(isOld)
    while (ring.hasOverflow && ring.enter(0, 0) >= 0) found += this.#harvest(isOld)
    found += this.#polls.verifyWoken()
    if (found > 0) return found
    if (result === -ETIME) return 0
    if (result === -EAGAIN || result === -EBUSY) return -EINTR
    // Submitting has its own result, and then nothing tells why a wait ended; nor need a completion be for anybody.
    return result >= 0 && timeoutNs !== 0 ? -EINTR : Math.min(result, 0)
  }

  /** Submits without waiting, until there is room for another entry. */
  readonly #makeRoom = (): void => {
    for (;;) {
      const result = this.#ring.enter(-1, 0)
      if (result === -EAGAIN || result === -EBUSY || result === -EINTR) {
        // The kernel waits for room among the completions.
        this.#ring.enter(0, 0)
        this.#harvest(true)
      } else {
        check(result, 'io_uring_enter')
      }
      if (!this.#ring.isFull) return
    }
  }

  /**
   * Reads completions: requests to be delivered, polls to the ready list, or for another look if they are old. Returns
   * how many it found.
   */
  #harvest(isOld: boolean): number {
    const ring = this.#ring
    const end = ring.completionsEnd()
    let at = ring.completionsBegin()
    if (at === end) return 0
    const { cqes } = ring
    let found = 0
    for (; at !== end; at = (at + 1) | 0) {
      const cqe = ring.cqeAt(at)
      const slot = cqes[cqe + CQE_USER_DATA]!
      const tag = cqes[cqe + CQE_USER_DATA + 1]!
      const res = cqes[cqe + CQE_RES]!
      if (tag === NOBODY) continue
      if ((tag & IS_REQUEST) === 0) {
        found += this.#polls.completed(slot, tag, res, isOld)
        continue
      }
      // From here on it is not for the end of the thread to take from the ring what it has brought.
      if ((tag & GIVES_DESCRIPTOR) !== 0) cqes[cqe + CQE_USER_DATA + 1] = NOBODY
      found += this.#requests.completed(slot, tag, res, cqes[cqe + CQE_FLAGS]!)
    }
    ring.completionsRead(end)
    return found
  }

  #prepareEntries(): void {
    this.#requests.prepareEntries()
    this.#polls.arm()
  }
}
