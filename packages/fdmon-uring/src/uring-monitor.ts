import { aioError, requireFunction, requireInteger, requireObject } from '@aiokit/errors'
import {
  type AioHandler,
  type BufferGroup,
  CQE_F_MORE,
  type CqeHandler,
  ERR,
  type FdMonitor,
  type FdMonitorFactory,
  type FdMonitorHost,
  HUP,
  ReadyList,
  restartInterrupted,
  type Sqe,
  type SqeRequest,
} from '@aiokit/fdmon'
import {
  check,
  EAGAIN,
  EBADF,
  EBUSY,
  ECANCELED,
  EINTR,
  ETIME,
  F_GETFD,
  fcntl,
  ioUringCancelAll,
  POLLNVAL,
  ppoll,
  SystemError,
} from '@aiokit/sys'
import { UringBufferGroup } from './buffer-group.ts'
import { Completions } from './completions.ts'
import { PreparedSqe } from './prepared-sqe.ts'
import { UringRequest } from './request.ts'
import { Ring } from './ring.ts'
import { requireRing } from './support.ts'
import {
  CQE_FLAGS,
  CQE_RES,
  CQE_USER_DATA,
  OP_ASYNC_CANCEL,
  OP_POLL_ADD,
  OP_POLL_REMOVE,
  SQE_ADDRESS,
  SQE_CQE_SKIP_SUCCESS,
  SQE_FD,
  SQE_OP_FLAGS,
  SQE_OPCODE,
  SQE_USER_DATA,
  SQE_WORDS,
} from './uapi.ts'

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

// What a completion carries, in two words: where its handler or request is, and a tag that tells it from others that
// were in the same place before. Tags of polls are even, those of requests odd; 0 is for what nobody waits for.
const NOBODY = 0
const TAG_STEP = 2
const IS_REQUEST = 1

/** The ready list of nobody. */
const NOTHING = new ReadyList()

/** One registration is verified every so many waits (F8): the kernel polls a file, whatever becomes of its descriptor. */
const WAITS_PER_VERIFICATION = 128

/**
 * Monitors that are not closed. The kernel writes to memory of their requests: they must not be collected, although
 * nobody else may know of them any more.
 */
const open: Set<UringMonitor> = new Set<UringMonitor>()

/**
 * Each watched descriptor has a one-shot poll request on the ring. When it completes, the handler is called, and the
 * request is made anew with the next wait: readiness is level-triggered, and what is still ready completes at once.
 */
class UringMonitor implements FdMonitor {
  readonly name = 'io_uring'
  maxBatch = 0

  readonly #host: FdMonitorHost
  readonly #ring: Ring
  #closed = false

  /** By slot. A handler's `generation` is the tag of its poll request in flight; 0 when there is none. */
  readonly #handlers: (AioHandler | null)[] = []
  readonly #freeSlots: number[] = []
  /** Slots whose handler wants a poll request with the next wait. It may be gone, or another one, by then. */
  readonly #toArm: number[] = []
  /** By slot: whether it is among them. */
  readonly #isToArm: boolean[] = []
  #lost: AioHandler[] = []
  #waits = 0
  #verified = 0

  /** By slot: requests in flight. */
  readonly #requests: (UringRequest | null)[] = []
  readonly #freeRequests: number[] = []
  readonly #completions: Completions = new Completions()
  /** Cancellations that must not get between the entries of a chain. */
  readonly #toCancel: UringRequest[] = []
  readonly #groups: (UringBufferGroup | null)[] = []
  /** One for each level of `addSqe` inside `addSqe`. */
  readonly #sqes: PreparedSqe[] = []
  #preparing = 0

  #lastTag = 0
  /** For entries of the monitor's own. */
  readonly #sqe: Int32Array = new Int32Array(SQE_WORDS)
  /** Where a wait adds what it finds. */
  #ready: ReadyList = NOTHING
  /** Slots of handlers whose poll request has completed at a time when it may not mean anything any more. */
  readonly #woken: number[] = []
  /** struct pollfd for each of them, as 16-bit words. */
  #pollfds = new Int32Array(2 * 64)
  #otherCalls = 0

  constructor(host: FdMonitorHost, ring: Ring) {
    this.#host = host
    this.#ring = ring
    open.add(this)
  }

  get backendFd(): number {
    return this.#closed ? -1 : this.#ring.fd
  }

  get systemCalls(): number {
    return this.#ring.systemCalls + this.#otherCalls
  }

  get hasPending(): boolean {
    return !this.#completions.isEmpty
  }

  update(handler: AioHandler, events: number): void {
    if (events === 0) this.#remove(handler)
    else if (handler.events === 0) this.#add(handler, events)
    else this.#modify(handler, events)
  }

  wait(ready: ReadyList, timeoutNs: number): void {
    this.#ready = ready
    this.#harvest(true)
    if (this.hasPending || this.#verifyWoken() > 0) timeoutNs = 0
    const result = restartInterrupted(this.#enter, timeoutNs)
    this.#ready = NOTHING
    if (result < 0) check(result, 'io_uring_enter')
    if (++this.#waits >= WAITS_PER_VERIFICATION) this.#verifyOne()
    if (this.#lost.length > 0) this.#reportLost()
  }

  needWait(): boolean {
    return (
      this.#toArm.length > 0 ||
      this.#woken.length > 0 ||
      this.#ring.unsubmitted > 0 ||
      this.#ring.hasCompletions ||
      this.#ring.hasWork
    )
  }

  dispatch(): boolean {
    return this.#completions.deliver(this.#finish)
  }

  prepare(): boolean {
    this.#prepareEntries()
    if (this.#ring.unsubmitted > 0) this.#ring.enter(0, 0)
    return this.hasPending || this.#ring.hasCompletions || this.#ring.hasWork
  }

  check(): boolean {
    return this.hasPending || this.#ring.hasCompletions || this.#ring.hasWork
  }

  collect(ready: ReadyList): void {
    this.wait(ready, 0)
  }

  addSqe(prep: (sqe: Sqe) => void, handler: CqeHandler): SqeRequest {
    const request = new UringRequest(this, handler)
    const sqe = this.#sqeAt(this.#preparing)
    const slot = this.#freeRequests.pop() ?? this.#requests.push(null) - 1
    const tag = this.#nextTag() | IS_REQUEST
    this.#preparing++
    try {
      sqe.begin(request)
      prep(sqe)
      sqe.end(slot, tag)
      // Whatever `prep` did meanwhile: a context that it closed takes no more.
      if (this.#closed) throw aioError('ERR_AIO_CLOSED', 'The ring is closed: make a new AioContext.')
      if (this.#ring.isFull) this.#submit()
    } catch (error) {
      request.release()
      this.#freeRequests.push(slot)
      throw error
    } finally {
      sqe.abandon()
      this.#preparing--
    }
    request.slot = slot
    request.tag = tag
    this.#requests[slot] = request
    this.#ring.push(sqe.words)
    if (this.maxBatch > 0 && this.#ring.unsubmitted >= this.maxBatch && !this.#ring.isChainOpen)
      this.#submit()
    return request
  }

  #sqeAt(depth: number): PreparedSqe {
    this.#sqes[depth] ??= new PreparedSqe()
    return this.#sqes[depth]
  }

  /** For `UringRequest.cancel()`. */
  cancelRequest(request: UringRequest): void {
    // While it is closed, everything is being cancelled.
    if (this.#closed) return
    if (this.#ring.isChainOpen) this.#toCancel.push(request)
    else this.#pushCancel(OP_ASYNC_CANCEL, request.slot, request.tag)
  }

  createBufferGroup(count: number, size: number): BufferGroup {
    const free = this.#groups.indexOf(null)
    const id = free < 0 ? this.#groups.length : free
    const group = new UringBufferGroup(this.#ring.fd, id, count, size, (closed) => {
      this.#groups[closed.id] = null
    })
    this.#groups[id] = group
    return group
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // What was not submitted never happens, and is cancelled like the rest.
    this.#ring.drop((words, at) => {
      const slot = words[at + SQE_USER_DATA]!
      const tag = words[at + SQE_USER_DATA + 1]!
      if ((tag & IS_REQUEST) !== 0) this.#completions.add(this.#requests[slot]!, -ECANCELED, 0)
    })
    for (const handler of this.#handlers) if (handler !== null) handler.events = 0
    this.#handlers.length = 0
    this.#toArm.length = 0
    ioUringCancelAll(this.#ring.fd)
    this.#harvest(true)
    while (this.#ring.hasWork && this.#ring.enter(0, 0) >= 0) this.#harvest(true)
    for (const group of this.#groups) group?.close()
    this.#ring.close()
    open.delete(this)
    this.#completions.deliverAll(this.#finish)
  }

  readonly #enter = (timeoutNs: number): number => {
    this.#prepareEntries()
    const ring = this.#ring
    // What has woken a poll request before the wait is old: since then the program may have undone it, and the kernel
    // does not look again. What wakes one while this thread sleeps is news.
    const isOld = ring.hasWork
    if (timeoutNs === 0 && ring.unsubmitted === 0 && !isOld) return this.#harvest(true) + this.#verifyWoken()
    const result = ring.enter(timeoutNs === 0 ? 0 : 1, timeoutNs)
    let found = this.#harvest(isOld)
    while (ring.hasOverflow && ring.enter(0, 0) >= 0) found += this.#harvest(isOld)
    found += this.#verifyWoken()
    if (found > 0) return found
    if (result === -ETIME) return 0
    if (result === -EAGAIN || result === -EBUSY) return -EINTR
    // Submitting has its own result, and then nothing tells why a wait ended; nor need a completion be for anybody.
    return result >= 0 && timeoutNs !== 0 ? -EINTR : Math.min(result, 0)
  }

  /** Submits without waiting: the queue is full, or the batch is. */
  #submit(): void {
    this.#ring.closeChainIfFull()
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
      if (tag === NOBODY) continue
      if ((tag & IS_REQUEST) !== 0) {
        const request = this.#requests[slot]
        if (request == null || request.tag !== tag) continue
        this.#completions.add(request, cqes[cqe + CQE_RES]!, cqes[cqe + CQE_FLAGS]!)
        found++
        continue
      }
      const handler = this.#handlers[slot]
      // The poll of a handler that was removed, or watches something else by now, calls nobody (M7).
      if (handler == null || handler.generation !== tag) continue
      handler.generation = 0
      const revents = cqes[cqe + CQE_RES]!
      if (revents === -EBADF) {
        this.#lose(handler)
        found++
        continue
      }
      if (isOld) {
        this.#woken.push(slot)
        continue
      }
      this.#wantArmed(handler)
      // What the kernel cannot poll is for the handler to find out.
      this.#ready.add(handler, revents < 0 ? ERR : revents)
      found++
    }
    ring.completionsRead(end)
    return found
  }

  /** Looks again at what was woken, all at once, with ppoll(2). Returns how many there are still. */
  #verifyWoken(): number {
    const count = this.#woken.length
    if (count === 0) return 0
    if (2 * count > this.#pollfds.length) this.#pollfds = new Int32Array(4 * count)
    const pollfds = this.#pollfds
    for (let i = 0; i < count; i++) {
      const handler = this.#handlers[this.#woken[i]!]
      pollfds[2 * i] = handler == null ? -1 : handler.fd
      pollfds[2 * i + 1] = handler == null ? 0 : handler.events
    }
    this.#otherCalls++
    let found = 0
    if (ppoll(pollfds, count, 0) > 0) {
      for (let i = 0; i < count; i++) {
        const revents = pollfds[2 * i + 1]! >>> 16
        const handler = this.#handlers[this.#woken[i]!]
        if (revents === 0 || handler == null) continue
        if ((revents & POLLNVAL) !== 0) this.#lose(handler)
        else this.#ready.add(handler, revents)
        found++
      }
    }
    for (let i = 0; i < count; i++) {
      const handler = this.#handlers[this.#woken[i]!]
      if (handler != null) this.#wantArmed(handler)
    }
    this.#woken.length = 0
    return found
  }

  readonly #finish = (request: UringRequest, res: number, flags: number): void => {
    if ((flags & CQE_F_MORE) === 0) {
      this.#requests[request.slot] = null
      this.#freeRequests.push(request.slot)
      request.tag = 0
      res = request.finish(res)
    }
    request.handler.complete(res, flags)
  }

  /** Writes what the monitor itself has for the ring. A chain that the program has begun does not go on with it. */
  #prepareEntries(): void {
    this.#ring.closeChain()
    if (this.#toCancel.length > 0) this.#cancelRequests()
    if (this.#toArm.length > 0) this.#arm()
  }

  #cancelRequests(): void {
    for (const request of this.#toCancel)
      if (request.tag !== 0) this.#pushCancel(OP_ASYNC_CANCEL, request.slot, request.tag)
    this.#toCancel.length = 0
  }

  #arm(): void {
    const sqe = this.#sqe
    for (let i = 0; i < this.#toArm.length; i++) {
      const slot = this.#toArm[i]!
      this.#isToArm[slot] = false
      const handler = this.#handlers[slot]
      if (handler == null || handler.generation !== 0) continue
      if (this.#ring.isFull) this.#submit()
      handler.generation = this.#nextTag()
      sqe[SQE_OPCODE] = OP_POLL_ADD
      sqe[SQE_FD] = handler.fd
      sqe[SQE_ADDRESS] = 0
      sqe[SQE_ADDRESS + 1] = 0
      sqe[SQE_OP_FLAGS] = handler.events | ERR | HUP
      sqe[SQE_USER_DATA] = slot
      sqe[SQE_USER_DATA + 1] = handler.generation
      this.#ring.push(sqe)
    }
    this.#toArm.length = 0
  }

  #wantArmed({ slot }: AioHandler): void {
    if (this.#isToArm[slot]) return
    this.#isToArm[slot] = true
    this.#toArm.push(slot)
  }

  #pushCancel(opcode: number, slot: number, tag: number): void {
    if (this.#ring.isFull) this.#submit()
    const sqe = this.#sqe
    sqe[SQE_OPCODE] = opcode | SQE_CQE_SKIP_SUCCESS
    sqe[SQE_FD] = -1
    sqe[SQE_ADDRESS] = slot
    sqe[SQE_ADDRESS + 1] = tag
    sqe[SQE_OP_FLAGS] = 0
    sqe[SQE_USER_DATA] = 0
    sqe[SQE_USER_DATA + 1] = NOBODY
    this.#ring.push(sqe)
  }

  #add(handler: AioHandler, events: number): void {
    this.#requireOpen(handler)
    handler.slot = this.#freeSlots.pop() ?? this.#newSlot()
    this.#handlers[handler.slot] = handler
    handler.generation = 0
    handler.events = events
    this.#wantArmed(handler)
  }

  #newSlot(): number {
    this.#isToArm.push(false)
    return this.#handlers.push(null) - 1
  }

  #modify(handler: AioHandler, events: number): void {
    try {
      this.#requireOpen(handler)
    } catch (error) {
      this.#remove(handler)
      this.#host.closed([handler])
      throw error
    }
    // Also if the events are the same: the number may be another file's by now.
    this.#disarm(handler)
    handler.events = events
    this.#wantArmed(handler)
  }

  /**
   * The poll request holds on to the file: as long as it is there the descriptor can be closed, but the file is not, and
   * its other side hears nothing. So it has to be gone when this returns.
   */
  #remove(handler: AioHandler): void {
    if (handler.events === 0) return
    const wasArmed = this.#disarm(handler)
    this.#forget(handler)
    if (!wasArmed || this.#closed) return
    this.#ring.enter(0, 0)
  }

  #disarm(handler: AioHandler): boolean {
    if (handler.generation === 0) return false
    this.#ring.closeChain()
    this.#pushCancel(OP_POLL_REMOVE, handler.slot, handler.generation)
    handler.generation = 0
    return true
  }

  #forget(handler: AioHandler): void {
    this.#handlers[handler.slot] = null
    this.#freeSlots.push(handler.slot)
    handler.slot = -1
    handler.events = 0
  }

  #lose(handler: AioHandler): void {
    this.#forget(handler)
    this.#lost.push(handler)
  }

  #reportLost(): void {
    const lost = this.#lost
    this.#lost = []
    this.#host.closed(lost)
  }

  /** Finds, sooner or later, the descriptor that was closed without being unregistered. */
  #verifyOne(): void {
    this.#waits = 0
    this.#verified = this.#verified + 1 < this.#handlers.length ? this.#verified + 1 : 0
    const handler = this.#handlers[this.#verified]
    if (handler == null) return
    this.#otherCalls++
    if (fcntl(handler.fd, F_GETFD, 0) >= 0) return
    this.#disarm(handler)
    this.#lose(handler)
  }

  #requireOpen(handler: AioHandler): void {
    this.#otherCalls++
    const result = fcntl(handler.fd, F_GETFD, 0)
    if (result < 0) throw new SystemError(result, 'fcntl', `(fd ${handler.fd})`)
  }

  #nextTag(): number {
    this.#lastTag = (this.#lastTag + TAG_STEP) | 0
    if (this.#lastTag === NOBODY) this.#lastTag = TAG_STEP
    return this.#lastTag
  }
}
