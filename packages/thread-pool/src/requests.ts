import { aioError, describe } from '@aiokit/errors'
import { ECANCELED, monotonicNs, SystemError } from '@aiokit/sys'
import { unpackThrown } from '@aiokit/task'
import { type TraceContext, threadPoolCancel } from '@aiokit/trace'
import type { EndMessage } from './messages.ts'
import { SLOTS } from './pool-layout.ts'
import { BY_MESSAGE, DONE, FAILED, type PoolMemory, RUNNING } from './pool-memory.ts'
import { ENDED, type PoolRequest, WAITING } from './pool-request.ts'
import type { RunTimes } from './run-times.ts'

/** Where what threads send about their requests comes from. */
export interface Mail {
  receive(thread: number, slot: number): EndMessage
}

/**
 * The requests of a pool that have not ended: those in shared memory, and those for which there is no slot, in order.
 * Calls nobody: what has ended waits until it is asked for by `nextOutcome()`.
 */
export class Requests {
  readonly #ctx: TraceContext
  readonly #memory: PoolMemory
  readonly #mail: Mail
  readonly #times: RunTimes | null
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i)
  readonly #bySlot: (PoolRequest | null)[] = []
  /** Without a slot, oldest first; those that were withdrawn are skipped when it is their turn. */
  readonly #waiting: PoolRequest[] = []
  #firstWaiting = 0
  #withdrawn = 0
  /** Places in the queue whose request was withdrawn, and how many there are; up to which the queue was seen to be. */
  readonly #isEmpty: Uint8Array = new Uint8Array(SLOTS)
  #emptyPlaces = 0
  #refilled = false
  #countedHead = 0
  /** Ended, and not told yet. */
  readonly #outcomes: PoolRequest[] = []
  #firstOutcome = 0
  /** Submitted and not told the end of. */
  pending = 0

  /** @param ctx whose trace events this makes */
  constructor(ctx: TraceContext, memory: PoolMemory, mail: Mail, times: RunTimes | null) {
    this.#ctx = ctx
    this.#memory = memory
    this.#mail = mail
    this.#times = times
  }

  /** Requests that no thread has begun. */
  get waiting(): number {
    this.#passWithdrawn()
    return (
      this.#memory.queued - this.#emptyPlaces + this.#waiting.length - this.#firstWaiting - this.#withdrawn
    )
  }

  /** @throws DataCloneError, and then nothing has changed */
  add(request: PoolRequest): void {
    if (this.#times !== null) request.submittedNs = monotonicNs()
    if (request.transfer !== null) snapshot(request)
    if (this.#freeSlots.length > 0 && this.#firstWaiting === this.#waiting.length && this.#memory.hasRoom) {
      this.#place(request)
    } else {
      if (!request.copied) snapshot(request)
      this.#waiting.push(request)
    }
    this.pending++
  }

  /** Takes back a request that has not begun; false if it has. */
  withdraw(request: PoolRequest): boolean {
    if (!this.#takeBack(request)) return false
    if (threadPoolCancel.hasSubscribers) threadPoolCancel.publish({ ctx: this.#ctx, request })
    request.withdrawn = true
    this.#end(request, canceled(), undefined)
    this.refill()
    return true
  }

  /** Takes back all that have not begun. */
  withdrawAll(): void {
    for (const request of this.#notBegun()) this.withdraw(request)
  }

  /** The request in `slot`, which a thread wants to know of. */
  at(slot: number): PoolRequest {
    return this.#bySlot[slot]!
  }

  /** Takes what threads have finished; returns whether there was any. */
  takeFinished(): boolean {
    let any = false
    for (const slot of this.#memory.finished.takeAll()) {
      any = true
      this.#settle(slot)
    }
    this.refill()
    return any
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
    for (const request of this.#notBegun()) if (this.#takeBack(request)) this.#end(request, error, undefined)
    this.refill()
  }

  /** The next that has ended; null if all were told. */
  nextOutcome(): PoolRequest | null {
    if (this.#firstOutcome === this.#outcomes.length) return null
    const request = this.#outcomes[this.#firstOutcome++]!
    if (this.#firstOutcome === this.#outcomes.length) {
      this.#outcomes.length = 0
      this.#firstOutcome = 0
    }
    this.pending--
    return request
  }

  get hasOutcomes(): boolean {
    return this.#firstOutcome < this.#outcomes.length
  }

  /** Whether some that waited for a slot have got one since this was asked: then threads are to be woken. */
  takeRefilled(): boolean {
    const refilled = this.#refilled
    this.#refilled = false
    return refilled
  }

  /** Gives slots to those that wait for one. */
  refill(): void {
    if (this.#emptyPlaces > 0) this.#passWithdrawn()
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#refilled = true
    while (this.#firstWaiting < waiting.length && this.#freeSlots.length > 0 && this.#memory.hasRoom) {
      const request = waiting[this.#firstWaiting++]!
      if (request.slot === ENDED) this.#withdrawn--
      else this.#place(request)
    }
    if (this.#firstWaiting === waiting.length) {
      waiting.length = 0
      this.#firstWaiting = 0
    } else if (this.#firstWaiting >= SLOTS || this.#withdrawn >= SLOTS) {
      const left = waiting.filter((request, i) => i >= this.#firstWaiting && request.slot !== ENDED)
      waiting.length = 0
      for (const request of left) waiting.push(request)
      this.#firstWaiting = 0
      this.#withdrawn = 0
    }
  }

  /** Counts what the queue has come past since, and brings it past what was withdrawn. */
  #passWithdrawn(): void {
    const head = this.#memory.passEmpty()
    if (this.#emptyPlaces === 0) this.#countedHead = head
    for (; this.#countedHead !== head; this.#countedHead = (this.#countedHead + 1) | 0) {
      const place = this.#countedHead & (SLOTS - 1)
      this.#emptyPlaces -= this.#isEmpty[place]!
      this.#isEmpty[place] = 0
    }
  }

  *#notBegun(): Iterable<PoolRequest> {
    for (const request of [...this.#bySlot]) if (request != null) yield request
    for (const request of this.#waiting.slice(this.#firstWaiting)) yield request
  }

  /** Takes a request from where it waits. False if it does not wait any more. */
  #takeBack(request: PoolRequest): boolean {
    const { slot, place } = request
    if (slot === ENDED) return false
    if (slot === WAITING) {
      this.#withdrawn++
      return true
    }
    this.#passWithdrawn()
    if (!this.#memory.withdraw(slot, place)) return false
    this.#isEmpty[place & (SLOTS - 1)] = 1
    this.#emptyPlaces++
    this.#release(slot)
    return true
  }

  #place(request: PoolRequest): void {
    const memory = this.#memory
    const slot = this.#freeSlots.pop()!
    try {
      memory.setTask(slot, request.task.number)
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
    try {
      if (kind !== BY_MESSAGE && kind !== FAILED) {
        result = memory.read(slot)
      } else {
        const message = this.#mail.receive(memory.threadOf(slot), slot)
        if ('thrown' in message) error = errorOf(unpackThrown(message.thrown))
        else result = message.result
      }
    } catch (cause) {
      error = aioError('ERR_AIO_RESULT_LOST', 'What the task gave could not be made anew in this thread.', {
        cause,
      })
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
    this.#outcomes.push(request)
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
