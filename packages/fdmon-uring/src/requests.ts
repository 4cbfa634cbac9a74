import { callWith } from '@aiokit/callback'
import { aioError, aioTypeError, describe, requireFunction } from '@aiokit/errors'
import { CQE_F_MORE, type CqeHandler, type Sqe } from '@aiokit/fdmon'
import { disown, EALREADY, ECANCELED, EINTR, ENOENT, ETIME, own } from '@aiokit/sys'
import { fdmonIoUringAddSqe, fdmonIoUringCqeHandler, type TraceContext } from '@aiokit/trace'
import { Backoff } from './backoff.ts'
import { Cancellation } from './cancellation.ts'
import { Completions } from './completions.ts'
import { DrainQueue } from './drain-queue.ts'
import { Entry } from './entry.ts'
import { type RequestHost, UringRequest } from './request.ts'
import type { Ring } from './ring.ts'
import { OP_ASYNC_CANCEL, SQE_USER_DATA } from './uapi.ts'
import { GIVES_DESCRIPTOR, IS_CANCEL, IS_REQUEST, Tags } from './user-data.ts'

/** The program's own requests, from `addSqe` to the last call of their handlers (rules U1 to U7). */
export class Requests implements RequestHost {
  /** So many go to the ring without waiting for company; 0: as many as it takes. */
  maxBatch = 0
  /** How many the kernel has not answered for good. */
  inFlight = 0
  /** Completions delivered so far. */
  delivered = 0

  readonly #ring: Ring
  readonly #makeRoom: () => void
  readonly #ctx: TraceContext | null
  readonly #tags: Tags = new Tags()
  /** By slot: those whose last completion is not delivered. */
  readonly #requests: (UringRequest | null)[] = []
  readonly #freeSlots: number[] = []
  readonly #completions: Completions = new Completions()
  readonly #cancellation: Cancellation
  readonly #backoff: Backoff
  /** Cancellations that must not get between the entries of a chain, or whose pause is over. */
  readonly #toCancel: UringRequest[] = []
  /** Those that a cancellation has not ended. */
  readonly #toRetry: UringRequest[] = []
  readonly #drain: DrainQueue = new DrainQueue()
  /** One for each level of `addSqe` inside `addSqe`. */
  readonly #entries: Entry[] = []
  #preparing = 0
  #closed = false

  /**
   * @param makeRoom submits until there is room for another entry on the ring
   * @param ctx whose trace events this makes
   */
  constructor(ring: Ring, makeRoom: () => void, ctx: TraceContext | null) {
    this.#ctx = ctx
    this.#ring = ring
    this.#makeRoom = makeRoom
    this.#cancellation = new Cancellation(ring, OP_ASYNC_CANCEL, makeRoom)
    this.#backoff = new Backoff(ring, makeRoom)
  }

  /** True if there are completions to deliver. */
  get hasPending(): boolean {
    return !this.#completions.isEmpty
  }

  /** True if there is something for a wait to do. */
  get needWait(): boolean {
    return this.#toCancel.length > 0 || this.#toRetry.length > 0
  }

  /** See `FdMonitor.addSqe`. */
  add(prep: (sqe: Sqe) => void, handler: CqeHandler): UringRequest {
    if (typeof handler?.complete !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"handler" must be an object with a function \`complete\`. Received ${describe(handler)}.`,
      )
    }
    requireFunction(prep, 'prep')
    const request = new UringRequest(this, handler)
    const entry = this.#entryAt(this.#preparing)
    const slot = this.#freeSlots.pop() ?? this.#requests.push(null) - 1
    let tag = this.#tags.next() | IS_REQUEST
    this.#preparing++
    try {
      entry.begin(request)
      prep(entry.sqe)
      if (entry.givesDescriptor) tag |= GIVES_DESCRIPTOR
      entry.end(slot, tag)
      // Whatever `prep` did meanwhile: a context that it closed takes no more.
      this.requireOpen()
      this.#requireChain(entry)
      if (this.#ring.isFull) this.#makeRoom()
    } catch (error) {
      request.release()
      this.#freeSlots.push(slot)
      throw error
    } finally {
      entry.abandon()
      this.#preparing--
    }
    request.slot = slot
    request.tag = tag
    this.#requests[slot] = request
    // Not later: as soon as it is closed, another thread may get the number and own it.
    if (entry.closes >= 0) disown(entry.closes)
    if (fdmonIoUringAddSqe.hasSubscribers)
      fdmonIoUringAddSqe.publish({ ctx: this.#ctx, request, ...entry.operation })
    this.#begin(request, entry)
    return request
  }

  /** @throws `ERR_AIO_CLOSED` */
  requireOpen(): void {
    if (this.#closed) throw aioError('ERR_AIO_CLOSED', 'The ring is closed: make a new AioContext.')
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

  /** Writes what has waited. A chain that the program has begun does not go on with it. */
  prepareEntries(): void {
    this.#ring.closeChain()
    if (this.#drain.isActive) this.#releaseDrained()
    if (!this.needWait) return
    for (const request of this.#toCancel) if (!request.hasEnded) this.#cancel(request)
    this.#toCancel.length = 0
    for (const request of this.#toRetry) if (!request.hasEnded) this.#pause(request)
    this.#toRetry.length = 0
  }

  /** A completion. Returns how many are to be delivered. */
  completed(slot: number, tag: number, res: number, flags: number): number {
    if (slot < 0) {
      this.#cancelled(slot & ~IS_CANCEL, tag, res)
      return 0
    }
    const request = this.#requests[slot]
    if (request == null || request.tag !== tag) return 0
    if ((flags & CQE_F_MORE) === 0) this.#ended(request)
    request.group?.take(flags)
    // Should this thread end before the handler has it.
    if ((tag & GIVES_DESCRIPTOR) !== 0 && res >= 0) {
      this.#ring.systemCalls++
      own(res)
    }
    // So ends what was cancelled while a thread of the kernel was waiting in it.
    if (res === -EINTR && (request.cancels > 0 || this.#closed)) res = -ECANCELED
    this.#completions.add(request, res, flags)
    return 1
  }

  /** Calls handlers. Returns whether there was any to call. @throws what one throws; the rest is for the next call */
  deliver(): boolean {
    return this.#completions.deliver(this.#finish)
  }

  /** Takes no more. What was not submitted never happens, and is answered like what is cancelled. */
  close(): void {
    this.#closed = true
    this.#ring.drop((words, at) => {
      const slot = words[at + SQE_USER_DATA]!
      if ((words[at + SQE_USER_DATA + 1]! & IS_REQUEST) === 0 || slot < 0) return
      this.inFlight--
      this.#completions.add(this.#requests[slot]!, -ECANCELED, 0)
    })
    for (const request of this.#drain.clear()) this.#completions.add(request, -ECANCELED, 0)
    this.#backoff.close()
  }

  /** Those that the kernel has not answered are cancelled: it knows them no more. */
  answerRest(): void {
    const answered = new Set(this.#completions.requests())
    for (const request of this.#requests)
      if (request !== null && !answered.has(request)) this.#completions.add(request, -ECANCELED, 0)
  }

  /** As `deliver`, but goes on when a handler throws. @throws the first error, at the end */
  deliverAll(): void {
    this.#completions.deliverAll(this.#finish)
  }

  readonly #finish = (request: UringRequest, res: number, flags: number): void => {
    if ((request.tag & GIVES_DESCRIPTOR) !== 0 && res >= 0) disown(res)
    if ((flags & CQE_F_MORE) === 0) {
      this.#requests[request.slot] = null
      this.#freeSlots.push(request.slot)
      request.tag = 0
      res = request.finish(res)
    }
    if (fdmonIoUringCqeHandler.hasSubscribers)
      fdmonIoUringCqeHandler.publish({ ctx: this.#ctx, request, res, flags })
    const { handler, scope } = request
    this.delivered++
    callWith(handler.complete, handler, scope, res, flags, 'completion')
  }

  /** To the ring, unless it has to wait for others to end. */
  #begin(request: UringRequest, entry: Entry): void {
    const goesOn = this.#ring.chain > 0
    if ((this.#drain.isActive && !goesOn) || (entry.isDrain && this.inFlight > 0)) {
      this.#drain.hold(request, entry.words, entry.isDrain)
      return
    }
    // The rest of a chain that was drained is a barrier like its beginning.
    if (entry.isDrain || this.#drain.isActive) this.#drain.addBarrier(request)
    this.#push(request, entry.words)
    if (this.maxBatch === 0 || this.#ring.chain > 0 || this.#ring.unsubmitted < this.maxBatch) return
    // If the kernel will not have them now, the next wait submits them, or tells why not: the request is made.
    this.#ring.enter(-1, 0)
  }

  #push(request: UringRequest, words: Int32Array): void {
    this.#ring.push(words)
    this.inFlight++
    request.isHeld = false
  }

  #requireChain(entry: Entry): void {
    const chain = this.#drain.chain || this.#ring.chain
    if (entry.isDrain && chain > 0)
      throw aioError('ERR_AIO_CHAIN', 'drain() is for the first request of a chain: all of it waits then.')
    // The queue is submitted when it is full, but a chain in two parts is two chains.
    if (!entry.isLinked || chain + 1 < this.#ring.entries) return
    throw aioError(
      'ERR_AIO_CHAIN',
      `A chain has at most as many requests as the submission queue, here ${this.#ring.entries}: end it, or make the monitor with more entries.`,
    )
  }

  #entryAt(depth: number): Entry {
    this.#entries[depth] ??= new Entry()
    return this.#entries[depth]
  }

  #releaseDrained(): void {
    this.#drain.closeChain()
    for (;;) {
      const chain = this.#drain.take(this.inFlight)
      if (chain.length === 0) return
      for (const { request, words } of chain) {
        if (this.#ring.isFull) this.#makeRoom()
        this.#push(request, words)
      }
    }
  }

  /** The kernel has answered it for the last time. */
  #ended(request: UringRequest): void {
    this.inFlight--
    request.hasEnded = true
    if (request.isBarrier) this.#drain.removeBarrier(request)
  }

  #cancel(request: UringRequest): void {
    request.cancels++
    this.#cancellation.push(request.slot, request.tag, request.slot | IS_CANCEL, cancelTag(request))
  }

  #pause(request: UringRequest): void {
    this.#backoff.push(request.cancels, request.slot | IS_CANCEL, cancelTag(request))
  }

  /**
   * How a cancellation went. A request that a thread of the kernel has in hand is not found, or said to be too far, which
   * is true of what the disk is busy with; but a poll that such a thread is just beginning is never heard of again. So it
   * is tried until the request has ended, with pauses.
   */
  #cancelled(slot: number, tag: number, res: number): void {
    const request = this.#requests[slot]
    if (request == null || request.hasEnded || cancelTag(request) !== tag || this.#closed) return
    if (res === -ETIME) this.#toCancel.push(request)
    else if (res === -ENOENT || res === -EALREADY) this.#toRetry.push(request)
  }
}

/** What carries this does not open a descriptor, as the request may. */
function cancelTag(request: UringRequest): number {
  return request.tag & ~GIVES_DESCRIPTOR
}
