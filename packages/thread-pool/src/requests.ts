import { aioError, describe } from '@aiokit/errors'
import { ECANCELED, monotonicNs, SystemError } from '@aiokit/sys'
import { unpackThrown } from '@aiokit/task'
import type { EndMessage } from './messages.ts'
import { BY_MESSAGE, DONE, FAILED, type PoolMemory, RUNNING, SLOTS } from './pool-memory.ts'
import { ENDED, type PoolRequest, WAITING } from './pool-request.ts'
import type { RunTimes } from './run-times.ts'

/** Where what threads send about their requests comes from. */
export interface Mail {
  receive(thread: number, slot: number): EndMessage
}

/**
 * The requests of a pool that have not ended: those in shared memory, and those for which there is no slot, in order.
 * Calls nobody; what has ended is in `outcomes` until it is told.
 */
export class Requests {
  readonly #memory: PoolMemory
  readonly #mail: Mail
  readonly #times: RunTimes | null
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i)
  readonly #bySlot: (PoolRequest | null)[] = []
  /** Without a slot, oldest first; those that were withdrawn are skipped when it is their turn. */
  readonly #waiting: PoolRequest[] = []
  #firstWaiting = 0
  #withdrawn = 0
  /** Ended, and not told yet. */
  readonly outcomes: PoolRequest[] = []
  #firstOutcome = 0
  /** Submitted and not told the end of. */
  pending = 0

  constructor(memory: PoolMemory, mail: Mail, times: RunTimes | null) {
    this.#memory = memory
    this.#mail = mail
    this.#times = times
  }

  /** Requests that no thread has begun. */
  get waiting(): number {
    return this.#memory.queued + this.#waiting.length - this.#firstWaiting - this.#withdrawn
  }

  /** @throws DataCloneError, and then nothing has changed */
  add(request: PoolRequest): void {
    if (this.#times !== null) request.submittedNs = monotonicNs()
    if (request.transfer !== null) snapshot(request)
    if (this.#freeSlots.length > 0 && this.#firstWaiting === this.#waiting.length && this.#hasRoom()) {
      this.#place(request)
    } else {
      if (!request.copied) snapshot(request)
      this.#waiting.push(request)
    }
    this.pending++
  }

  /** Takes back a request that has not begun; false if it has. */
  withdraw(request: PoolRequest): boolean {
    if (request.slot === ENDED) return false
    if (request.slot === WAITING) {
      this.#withdrawn++
    } else {
      if (!this.#memory.withdraw(request.slot, request.place)) return false
      this.#release(request.slot)
    }
    request.withdrawn = true
    this.#end(request, canceled(), undefined)
    return true
  }

  /** Takes back all that have not begun. */
  withdrawAll(): void {
    for (const request of this.#bySlot) if (request !== null) this.withdraw(request)
    for (let i = this.#firstWaiting; i < this.#waiting.length; i++) this.withdraw(this.#waiting[i]!)
    this.refill()
  }

  /** The argument for a thread that has begun the request in `slot`. */
  argumentOf(slot: number): PoolRequest {
    return this.#bySlot[slot]!
  }

  /** Takes what threads have finished. */
  takeFinished(): void {
    for (const slot of this.#memory.finished.takeAll()) this.#settle(slot)
    this.refill()
  }

  /**
   * Ends what was in the hands of a thread that is no more: what it had finished but not said so, and with `error` what
   * it was at. Only after `takeFinished()`. Returns whether it was at something.
   */
  bury(thread: number, error: () => Error): boolean {
    let wasBusy = false
    const memory = this.#memory
    for (let slot = 0; slot < this.#bySlot.length; slot++) {
      const request = this.#bySlot[slot]
      if (request == null || memory.threadOf(slot) !== thread) continue
      const state = memory.stateOf(slot)
      if (state === DONE) {
        this.#settle(slot)
      } else if (state === RUNNING) {
        wasBusy = true
        this.#release(slot)
        this.#end(request, error(), undefined)
      }
    }
    this.refill()
    return wasBusy
  }

  /** Ends everything that has not begun with `error`. */
  failAll(error: Error): void {
    const before = this.outcomes.length
    this.withdrawAll()
    for (let i = before; i < this.outcomes.length; i++) this.outcomes[i]!.error = error
  }

  /** The next that has ended; null if all were told. */
  nextOutcome(): PoolRequest | null {
    if (this.#firstOutcome === this.outcomes.length) return null
    const request = this.outcomes[this.#firstOutcome++]!
    if (this.#firstOutcome === this.outcomes.length) {
      this.outcomes.length = 0
      this.#firstOutcome = 0
    }
    this.pending--
    return request
  }

  get hasOutcomes(): boolean {
    return this.#firstOutcome < this.outcomes.length
  }

  /** Gives slots to those that wait for one. */
  refill(): void {
    const waiting = this.#waiting
    while (this.#firstWaiting < waiting.length && this.#freeSlots.length > 0 && this.#hasRoom()) {
      const request = waiting[this.#firstWaiting++]!
      if (request.slot === ENDED) this.#withdrawn--
      else this.#place(request)
    }
    if (this.#firstWaiting === waiting.length) {
      waiting.length = 0
      this.#firstWaiting = 0
    } else if (this.#firstWaiting >= SLOTS) {
      waiting.splice(0, this.#firstWaiting)
      this.#firstWaiting = 0
    }
  }

  /** Those that were withdrawn have a place in the queue until a thread comes by. */
  #hasRoom(): boolean {
    return this.#memory.queued < SLOTS
  }

  #place(request: PoolRequest): void {
    const memory = this.#memory
    const slot = this.#freeSlots.pop()!
    try {
      memory.setTask(slot, request.task)
      if (request.transfer !== null) memory.setKind(slot, BY_MESSAGE)
      else if (memory.write(slot, request.argument)) request.argument = undefined
      else if (!request.copied) snapshot(request)
    } catch (error) {
      this.#freeSlots.push(slot)
      throw error
    }
    request.slot = slot
    this.#bySlot[slot] = request
    request.place = memory.enqueue(slot)
  }

  /** A thread has finished what is in `slot`. */
  #settle(slot: number): void {
    const memory = this.#memory
    const request = this.#bySlot[slot]!
    this.#times?.record(request.submittedNs, memory.startedNs(slot), memory.endedNs(slot))
    const kind = memory.kindOf(slot)
    let error: Error | null = null
    let result: unknown
    if (kind !== BY_MESSAGE && kind !== FAILED) {
      result = memory.read(slot)
    } else {
      const message = this.#mail.receive(memory.threadOf(slot), slot)
      if ('thrown' in message) error = errorOf(unpackThrown(message.thrown))
      else result = message.result
    }
    this.#release(slot)
    this.#end(request, error, result)
  }

  #release(slot: number): void {
    this.#memory.setFree(slot)
    this.#bySlot[slot] = null
    this.#freeSlots.push(slot)
  }

  #end(request: PoolRequest, error: Error | null, result: unknown): void {
    request.slot = ENDED
    request.argument = undefined
    request.transfer = null
    request.error = error
    request.result = result
    this.outcomes.push(request)
  }
}

/** Copies the argument as of now, and moves what is to be moved: it is sent later. */
function snapshot(request: PoolRequest): void {
  const transfer = request.transfer ?? []
  const type = typeof request.argument
  request.copied = true
  if (transfer.length === 0 && type !== 'object' && type !== 'function' && type !== 'symbol') return
  // The list as well, so that it names what is in the copy.
  const [argument, moved] = structuredClone([request.argument, transfer], {
    transfer: [...transfer] as never,
  })
  request.argument = argument
  if (transfer.length > 0) request.transfer = moved as typeof transfer
}

/** Without a stack: it would say nothing of the request, and cost more than the rest of the cancelling. */
function canceled(): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = new SystemError(-ECANCELED, 'submit')
  Error.stackTraceLimit = stackTraceLimit
  return error
}

function errorOf(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return aioError('ERR_AIO_TASK_THREW', `The task threw what is no error: ${describe(thrown)}.`, {
    cause: thrown,
  })
}
