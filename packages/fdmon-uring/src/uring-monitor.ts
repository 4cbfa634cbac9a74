import {
  aioError,
  aioTypeError,
  describe,
  requireFunction,
  requireInteger,
  requireObject,
} from '@aiokit/errors'
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
  disown,
  EAGAIN,
  EBADF,
  EBUSY,
  ECANCELED,
  EINTR,
  ENOENT,
  ENOMEM,
  ETIME,
  IO_URING_GIVES_DESCRIPTOR,
  own,
  POLLNVAL,
  ppoll,
  SystemError,
} from '@aiokit/sys'
import { UringBufferGroup } from './buffer-group.ts'
import { Completions } from './completions.ts'
import { DrainQueue } from './drain-queue.ts'
import { Entry } from './entry.ts'
import { FileIdentities } from './file-identity.ts'
import { Registrations } from './registrations.ts'
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
const TAG_STEP = 4
const IS_REQUEST = 1
const GIVES_DESCRIPTOR = IO_URING_GIVES_DESCRIPTOR
/** In the place, beside the tag of a request: this is how cancelling it went. */
const IS_CANCEL: number = 1 << 31
/**
 * A request that the kernel has in hand at the time is not found, and is to be cancelled again. It tries one 128 times
 * (APOLL_MAX_RETRY) whose file says that it is ready and is not. What the disk is busy with is never found.
 */
const CANCELS = 256

/** For so long nothing that is closing waits without another look at what can be cancelled. */
const CLOSE_INTERVAL_NS = 1_000_000
/** What io_uring_enter(2) says when it is to be called again. */
const RETRY: readonly number[] = [ETIME, EINTR, EAGAIN, EBUSY, ENOMEM]

/** The ready list of nobody. */
const NOTHING = new ReadyList()

/** Registrations are verified every so many waits (F8): the kernel polls a file, whatever becomes of its descriptor. */
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
  /** What the handlers are registered for. */
  readonly #files: FileIdentities = new FileIdentities()
  #lost: AioHandler[] = []
  #waits = 0
  #verified = 0

  /** By slot: requests whose last completion is not delivered. */
  readonly #requests: (UringRequest | null)[] = []
  /** How many of them the kernel has not answered for good. */
  #inFlight = 0
  readonly #freeRequests: number[] = []
  readonly #completions: Completions = new Completions()
  /** Cancellations that must not get between the entries of a chain, or did not find what they were for. */
  readonly #toCancel: UringRequest[] = []
  readonly #drain: DrainQueue = new DrainQueue()
  readonly #registrations: Registrations
  readonly #groups: (UringBufferGroup | null)[] = []
  /** One for each level of `addSqe` inside `addSqe`. */
  readonly #sqes: Entry[] = []
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
    this.#registrations = new Registrations(ring.fd)
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
    if (++this.#waits >= WAITS_PER_VERIFICATION) this.#verifySome()
    if (this.#lost.length > 0) this.#reportLost()
  }

  needWait(): boolean {
    return (
      this.#toArm.length > 0 ||
      this.#toCancel.length > 0 ||
      this.#woken.length > 0 ||
      this.#ring.unsubmitted > 0 ||
      this.check()
    )
  }

  dispatch(): boolean {
    return this.#completions.deliver(this.#finish)
  }

  prepare(): boolean {
    this.#prepareEntries()
    if (this.#ring.unsubmitted > 0) this.#ring.enter(0, 0)
    // What the kernel would not take now is for the wait to submit.
    return this.#ring.unsubmitted > 0 || this.check()
  }

  check(): boolean {
    return this.hasPending || this.#ring.hasCompletions || this.#ring.hasWork
  }

  collect(ready: ReadyList): void {
    this.wait(ready, 0)
  }

  addSqe(prep: (sqe: Sqe) => void, handler: CqeHandler): SqeRequest {
    if (typeof handler?.complete !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"handler" must be an object with a function \`complete\`. Received ${describe(handler)}.`,
      )
    }
    requireFunction(prep, 'prep')
    const request = new UringRequest(this, handler)
    const sqe = this.#sqeAt(this.#preparing)
    const slot = this.#freeRequests.pop() ?? this.#requests.push(null) - 1
    let tag = this.#nextTag() | IS_REQUEST
    this.#preparing++
    try {
      sqe.begin(request)
      prep(sqe.sqe)
      if (sqe.givesDescriptor) tag |= GIVES_DESCRIPTOR
      sqe.end(slot, tag)
      // Whatever `prep` did meanwhile: a context that it closed takes no more.
      this.#requireRing()
      this.#requireChain(sqe)
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
    // Not later: as soon as it is closed, another thread may get the number and own it.
    if (sqe.closes >= 0) disown(sqe.closes)
    this.#begin(request, sqe)
    return request
  }

  /** To the ring, unless it has to wait for others to end. */
  #begin(request: UringRequest, sqe: Entry): void {
    const goesOn = this.#ring.chain > 0
    if ((this.#drain.isActive && !goesOn) || (sqe.isDrain && this.#inFlight > 0)) {
      this.#drain.hold(request, sqe.words, sqe.isDrain)
      return
    }
    // The rest of a chain that was drained is a barrier like its beginning.
    if (sqe.isDrain || this.#drain.isActive) this.#drain.addBarrier(request)
    this.#push(request, sqe.words)
    if (this.maxBatch === 0 || this.#ring.chain > 0 || this.#ring.unsubmitted < this.maxBatch) return
    // If the kernel will not have them now, the next wait submits them, or tells why not: the request is made.
    this.#ring.enter(-1, 0)
  }

  #push(request: UringRequest, words: Int32Array): void {
    this.#ring.push(words)
    this.#inFlight++
    request.isHeld = false
  }

  #requireChain(sqe: Entry): void {
    const chain = this.#drain.chain || this.#ring.chain
    if (sqe.isDrain && chain > 0)
      throw aioError('ERR_AIO_CHAIN', 'drain() is for the first request of a chain: all of it waits then.')
    // The queue is submitted when it is full, but a chain in two parts is two chains.
    if (!sqe.isLinked || chain + 1 < this.#ring.entries) return
    throw aioError(
      'ERR_AIO_CHAIN',
      `A chain has at most as many requests as the submission queue, here ${this.#ring.entries}: end it, or make the monitor with more entries.`,
    )
  }

  #requireRing(): void {
    if (this.#closed) throw aioError('ERR_AIO_CLOSED', 'The ring is closed: make a new AioContext.')
  }

  #sqeAt(depth: number): Entry {
    this.#sqes[depth] ??= new Entry()
    return this.#sqes[depth]
  }

  /** For `UringRequest.cancel()`. */
  cancelRequest(request: UringRequest): void {
    // Then it was answered already, and is about to hear of it.
    if (this.#closed) return
    if (request.isHeld) {
      for (const each of this.#drain.cancel(request)) this.#completions.add(each, -ECANCELED, 0)
    } else if (this.#ring.chain > 0) {
      this.#toCancel.push(request)
    } else {
      this.#cancel(request)
    }
  }

  createBufferGroup(count: number, size: number): BufferGroup {
    this.#requireRing()
    const free = this.#groups.indexOf(null)
    const id = free < 0 ? this.#groups.length : free
    const group = new UringBufferGroup(this, this.#ring.fd, id, count, size, (closed) => {
      this.#groups[closed.id] = null
    })
    this.#groups[id] = group
    return group
  }

  registerBuffers(views: readonly ArrayBufferView[] | null): void {
    this.#requireRing()
    this.#registrations.setBuffers(views)
  }

  registerFiles(fds: readonly number[] | Int32Array | null): void {
    this.#requireRing()
    this.#registrations.setFiles(fds)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // What was not submitted never happens, and is cancelled like the rest.
    this.#ring.drop((words, at) => {
      const slot = words[at + SQE_USER_DATA]!
      if ((words[at + SQE_USER_DATA + 1]! & IS_REQUEST) === 0 || slot < 0) return
      this.#inFlight--
      this.#completions.add(this.#requests[slot]!, -ECANCELED, 0)
    })
    for (const request of this.#drain.clear()) this.#completions.add(request, -ECANCELED, 0)
    for (const handler of this.#handlers) if (handler !== null) handler.events = 0
    this.#handlers.length = 0
    this.#toArm.length = 0
    this.#endRequests()
    for (const group of this.#groups) group?.unregister()
    this.#registrations.clear()
    this.#ring.close()
    open.delete(this)
    try {
      this.#completions.deliverAll(this.#finish)
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
    while (this.#inFlight > 0 || this.#ring.hasWork) {
      const result = this.#ring.enter(this.#inFlight, CLOSE_INTERVAL_NS)
      this.#harvest(true)
      if (result < 0 && !RETRY.includes(-result)) break
      if (this.#inFlight > 0) this.#ring.cancelAll()
    }
    if (this.#inFlight === 0) return
    // Somebody has closed the ring, which has ended them; nobody can tell how.
    const answered = new Set(this.#completions.requests())
    for (const request of this.#requests)
      if (request !== null && !answered.has(request)) this.#completions.add(request, -ECANCELED, 0)
  }

  readonly #enter = (timeoutNs: number): number => {
    this.#prepareEntries()
    const ring = this.#ring
    // Making room for entries may have found some.
    if (this.hasPending) timeoutNs = 0
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

  /** Submits without waiting, until there is room for another entry. */
  #submit(): void {
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
        if (slot < 0) {
          this.#cancelled(slot & ~IS_CANCEL, tag, cqes[cqe + CQE_RES]!)
          continue
        }
        const request = this.#requests[slot]
        if (request == null || request.tag !== tag) continue
        const flags = cqes[cqe + CQE_FLAGS]!
        if ((flags & CQE_F_MORE) === 0) this.#ended(request)
        request.group?.take(flags)
        let res = cqes[cqe + CQE_RES]!
        if ((tag & GIVES_DESCRIPTOR) !== 0 && res >= 0) {
          // Should this thread end before the handler has it. Not twice: in the ring it is nobody's any more.
          cqes[cqe + CQE_USER_DATA + 1] = NOBODY
          this.#otherCalls++
          own(res)
        }
        // So ends what was cancelled while a thread of the kernel was waiting in it.
        if (res === -EINTR && (request.cancels > 0 || this.#closed)) res = -ECANCELED
        this.#completions.add(request, res, flags)
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

  /** The kernel has answered it for the last time. */
  #ended(request: UringRequest): void {
    this.#inFlight--
    request.hasEnded = true
    if (request.isBarrier) this.#drain.removeBarrier(request)
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
    if ((request.tag & GIVES_DESCRIPTOR) !== 0 && res >= 0) disown(res)
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
    if (this.#drain.isActive) this.#releaseDrained()
    if (this.#toCancel.length > 0) this.#cancelRequests()
    if (this.#toArm.length > 0) this.#arm()
  }

  #releaseDrained(): void {
    this.#drain.closeChain()
    for (;;) {
      const chain = this.#drain.take(this.#inFlight)
      if (chain.length === 0) return
      for (const { request, words } of chain) {
        if (this.#ring.isFull) this.#submit()
        this.#push(request, words)
      }
    }
  }

  #cancelRequests(): void {
    for (const request of this.#toCancel) if (!request.hasEnded) this.#cancel(request)
    this.#toCancel.length = 0
  }

  #cancel(request: UringRequest): void {
    request.cancels++
    const ownTag = request.tag & ~GIVES_DESCRIPTOR
    this.#pushCancel(OP_ASYNC_CANCEL, request.slot, request.tag, request.slot | IS_CANCEL, ownTag)
  }

  #cancelled(slot: number, tag: number, res: number): void {
    const request = this.#requests[slot]
    if (res !== -ENOENT || request == null || (request.tag & ~GIVES_DESCRIPTOR) !== tag) return
    if (!request.hasEnded && request.cancels < CANCELS) this.#toCancel.push(request)
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

  /**
   * Not with IOSQE_CQE_SKIP_SUCCESS: on a ring that has seen it nothing can be drained any more, and draining is how the
   * end of a thread waits for its requests.
   */
  #pushCancel(opcode: number, slot: number, tag: number, ownSlot: number, ownTag: number): void {
    if (this.#ring.isFull) this.#submit()
    const sqe = this.#sqe
    sqe[SQE_OPCODE] = opcode
    sqe[SQE_FD] = -1
    sqe[SQE_ADDRESS] = slot
    sqe[SQE_ADDRESS + 1] = tag
    sqe[SQE_OP_FLAGS] = 0
    sqe[SQE_USER_DATA] = ownSlot
    sqe[SQE_USER_DATA + 1] = ownTag
    this.#ring.pushBeforeChain(sqe)
  }

  #add(handler: AioHandler, events: number): void {
    const slot = this.#freeSlots.pop() ?? this.#newSlot()
    const result = this.#note(slot, handler)
    if (result < 0) {
      this.#freeSlots.push(slot)
      throw new SystemError(result, 'statx', `(fd ${handler.fd})`)
    }
    handler.slot = slot
    this.#handlers[slot] = handler
    handler.generation = 0
    handler.events = events
    this.#wantArmed(handler)
  }

  #newSlot(): number {
    this.#isToArm.push(false)
    return this.#handlers.push(null) - 1
  }

  #modify(handler: AioHandler, events: number): void {
    const result = this.#note(handler.slot, handler)
    if (result < 0) {
      this.#remove(handler)
      this.#host.closed([handler])
      throw new SystemError(result, 'statx', `(fd ${handler.fd})`)
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
    this.#pushCancel(OP_POLL_REMOVE, handler.slot, handler.generation, 0, NOBODY)
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

  /**
   * Finds, sooner or later, the descriptor that was closed without being unregistered: one that is silent, by going
   * through all of them, and one whose number is another file's by now and that keeps being ready, by going through
   * what is to be polled again.
   */
  #verifySome(): void {
    this.#waits = 0
    this.#verified++
    this.#verifyAt(this.#verified % this.#handlers.length)
    const fired = this.#toArm.length
    if (fired > 0) this.#verifyAt(this.#toArm[this.#verified % fired]!)
  }

  #verifyAt(slot: number): void {
    const handler = this.#handlers[slot]
    if (handler == null) return
    this.#otherCalls++
    if (this.#files.isSame(slot, handler.fd)) return
    this.#disarm(handler)
    this.#lose(handler)
  }

  #note(slot: number, { fd }: AioHandler): number {
    this.#otherCalls++
    return this.#files.note(slot, fd)
  }

  #nextTag(): number {
    this.#lastTag = (this.#lastTag + TAG_STEP) | 0
    if (this.#lastTag === NOBODY) this.#lastTag = TAG_STEP
    return this.#lastTag
  }
}
