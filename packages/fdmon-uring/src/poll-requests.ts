import { type AioHandler, ERR, type FdMonitorHost, HUP, ReadyList } from '@aiokit/fdmon'
import { EBADF, POLLNVAL, ppoll, SystemError } from '@aiokit/sys'
import { Cancellation } from './cancellation.ts'
import { FileIdentities } from './file-identity.ts'
import type { Ring } from './ring.ts'
import {
  OP_POLL_ADD,
  OP_POLL_REMOVE,
  SQE_FD,
  SQE_OP_FLAGS,
  SQE_OPCODE,
  SQE_USER_DATA,
  SQE_WORDS,
} from './uapi.ts'
import { NOBODY, Tags } from './user-data.ts'

/** The ready list of nobody. */
const NOTHING = new ReadyList()

/** Registrations are verified every so many waits (F8): the kernel polls a file, whatever becomes of its descriptor. */
const WAITS_PER_VERIFICATION = 128

/**
 * Each watched descriptor has a one-shot poll request on the ring. When it completes, the handler is called, and the
 * request is made anew with the next wait: readiness is level-triggered, and what is still ready completes at once.
 */
export class PollRequests {
  readonly #host: FdMonitorHost
  readonly #ring: Ring
  readonly #makeRoom: () => void
  readonly #cancellation: Cancellation
  readonly #tags: Tags = new Tags()
  readonly #entry: Int32Array = new Int32Array(SQE_WORDS)

  /** By slot. A handler's `generation` is the tag of its poll request in flight; 0 when there is none. */
  readonly #handlers: (AioHandler | null)[] = []
  readonly #freeSlots: number[] = []
  /** Slots whose handler wants a poll request with the next wait. It may be gone, or another one, by then. */
  readonly #toArm: number[] = []
  /** By slot: whether it is among them. */
  readonly #isToArm: boolean[] = []
  /** Where a wait adds what it finds. */
  #ready: ReadyList = NOTHING
  /** Slots of handlers whose poll request has completed at a time when it may not mean anything any more. */
  readonly #woken: number[] = []
  /** struct pollfd for each of them, as 16-bit words. */
  #pollfds = new Int32Array(2 * 64)

  /** What the handlers are registered for. */
  readonly #files: FileIdentities = new FileIdentities()
  #lost: AioHandler[] = []
  #waits = 0
  #verified = 0

  /** @param makeRoom submits until there is room for another entry on the ring */
  constructor(host: FdMonitorHost, ring: Ring, makeRoom: () => void) {
    this.#host = host
    this.#ring = ring
    this.#makeRoom = makeRoom
    this.#cancellation = new Cancellation(ring, OP_POLL_REMOVE, makeRoom)
  }

  /** True if there is something for a wait to do. */
  get needWait(): boolean {
    return this.#toArm.length > 0 || this.#woken.length > 0
  }

  /** See `FdMonitor.update`. */
  update(handler: AioHandler, events: number): void {
    if (events === 0) this.#remove(handler)
    else if (handler.events === 0) this.#add(handler, events)
    else this.#modify(handler, events)
  }

  /** A wait begins, and adds what it finds to `ready`. */
  beginWait(ready: ReadyList): void {
    this.#ready = ready
  }

  endWait(): void {
    this.#ready = NOTHING
  }

  /** The wait has ended well. Whoever hears of a closed descriptor may do anything: to be called last. */
  verify(): void {
    if (++this.#waits >= WAITS_PER_VERIFICATION) this.#verifySome()
    if (this.#lost.length > 0) this.#reportLost()
  }

  /** Writes the poll requests that are to be made anew. */
  arm(): void {
    const entry = this.#entry
    for (let i = 0; i < this.#toArm.length; i++) {
      const slot = this.#toArm[i]!
      this.#isToArm[slot] = false
      const handler = this.#handlers[slot]
      if (handler == null || handler.generation !== 0) continue
      if (this.#ring.isFull) this.#makeRoom()
      handler.generation = this.#tags.next()
      entry[SQE_OPCODE] = OP_POLL_ADD
      entry[SQE_FD] = handler.fd
      entry[SQE_OP_FLAGS] = handler.events | ERR | HUP
      entry[SQE_USER_DATA] = slot
      entry[SQE_USER_DATA + 1] = handler.generation
      this.#ring.push(entry)
    }
    this.#toArm.length = 0
  }

  /** A completion: to the ready list, or, if it is old, for another look. Returns how many handlers there is news of. */
  completed(slot: number, tag: number, revents: number, isOld: boolean): number {
    const handler = this.#handlers[slot]
    // The poll of a handler that was removed, or watches something else by now, calls nobody (M7).
    if (handler == null || handler.generation !== tag) return 0
    handler.generation = 0
    if (revents === -EBADF) {
      this.#lose(handler)
      return 1
    }
    if (isOld) {
      this.#woken.push(slot)
      return 0
    }
    this.#wantArmed(handler)
    // What the kernel cannot poll is for the handler to find out.
    this.#ready.add(handler, revents < 0 ? ERR : revents)
    return 1
  }

  /** Looks again at what was woken, all at once, with ppoll(2). Returns how many there are still. */
  verifyWoken(): number {
    const count = this.#woken.length
    if (count === 0) return 0
    if (2 * count > this.#pollfds.length) this.#pollfds = new Int32Array(4 * count)
    const pollfds = this.#pollfds
    for (let i = 0; i < count; i++) {
      const handler = this.#handlers[this.#woken[i]!]
      pollfds[2 * i] = handler == null ? -1 : handler.fd
      pollfds[2 * i + 1] = handler == null ? 0 : handler.events
    }
    this.#ring.systemCalls++
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

  /** Forgets all handlers; their poll requests end with the ring. */
  clear(): void {
    for (const handler of this.#handlers) if (handler !== null) handler.events = 0
    this.#handlers.length = 0
    this.#toArm.length = 0
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
    if (wasArmed) this.#ring.enter(0, 0)
  }

  #disarm(handler: AioHandler): boolean {
    if (handler.generation === 0) return false
    this.#cancellation.push(handler.slot, handler.generation, 0, NOBODY)
    handler.generation = 0
    return true
  }

  #wantArmed({ slot }: AioHandler): void {
    if (this.#isToArm[slot]) return
    this.#isToArm[slot] = true
    this.#toArm.push(slot)
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
    this.#ring.systemCalls++
    if (this.#files.isSame(slot, handler.fd)) return
    this.#disarm(handler)
    this.#lose(handler)
  }

  #note(slot: number, { fd }: AioHandler): number {
    this.#ring.systemCalls++
    return this.#files.note(slot, fd)
  }
}
