import { Worker } from 'node:worker_threads'
import type { AioContext, BottomHalf } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { EventNotifier } from '@aiokit/notifier'
import { check, ECANCELED, EFAULT, EINTR, nativePath, POLLIN, ppoll } from '@aiokit/sys'
import type { WorkerData } from '../bare-worker.ts'
import * as op from '../opcodes.ts'
import { isLeased } from '../opening.ts'
import type { Operation } from '../operation.ts'
import { workerProgram } from '../worker-program.ts'
import type { Deliveries } from './deliveries.ts'
import { Fifo } from './fifo.ts'
import { JobQueue, newQueueMemory, SLOTS } from './job-queue.ts'
import { Jobs } from './jobs.ts'

/** Starting a thread takes some 30 ms. */
const START_TIMEOUT_MS = 10_000

// In the place of a slot: there is none for it yet, or what it closes is still used.
const IN_BACKLOG = -2
const IN_CLOSES = -3

/**
 * Worker threads that make blocking system calls. They are started as they are needed, sleep on a word of shared memory,
 * and wake the context with one eventfd write for all that is done until it looks. Like requests on a ring, jobs that are
 * started in one iteration go out together: workers are woken from a bottom half.
 *
 * A worker knows memory by its address and holds on to none. What it reads or writes is held here until it is done, and
 * this by every thread that runs, through its listener.
 */
export class Workers {
  readonly #ctx: AioContext
  #max: number
  readonly #deliveries: Deliveries
  readonly #words = newQueueMemory()
  readonly #queue: JobQueue = new JobQueue(this.#words)
  readonly #jobs: Jobs = new Jobs(SLOTS)
  readonly #notifier: EventNotifier = new EventNotifier()
  readonly #waker: BottomHalf
  readonly #workers: Set<Worker> = new Set<Worker>()
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i)
  /** By slot: what was given; null for what was cancelled, until a worker has come across it. */
  readonly #given: (Operation | null)[] = new Array<Operation | null>(SLOTS).fill(null)
  /** What there was no slot for, and what of it was cancelled since. */
  readonly #backlog: Fifo<Operation> = new Fifo<Operation>()
  /** By descriptor: how many of those that were given, or are in the backlog, use it. */
  readonly #uses: Map<number, number> = new Map<number, number>()
  /** What closes one of them: the number may be another file's as soon as it is closed. */
  #closes: Operation[] = []

  /** @param max threads */
  constructor(ctx: AioContext, max: number, deliveries: Deliveries) {
    this.#ctx = ctx
    this.#max = max
    this.#deliveries = deliveries
    this.#waker = ctx.createBottomHalf(() => this.#wake(), { name: 'aiokit:io workers' })
    ctx.setEventNotifier(this.#notifier, {
      read: () => {
        this.#notifier.testAndClear()
        this.#collect()
        deliveries.deliver()
      },
      // What is under way keeps a process alive, not that something could be.
      ref: false,
    })
  }

  start(operation: Operation): void {
    if (operation.kind === op.CLOSE && this.#uses.has(operation.fd)) {
      operation.slot = IN_CLOSES
      this.#closes.push(operation)
      return
    }
    if (this.#freeSlots.length === 0) {
      operation.slot = IN_BACKLOG
      this.#backlog.push(operation)
      this.#addUse(operation, 1)
      return
    }
    // Before anything is taken that would have to be given back.
    if (this.#workers.size === 0) this.#startFirst()
    const slot = this.#freeSlots.pop()!
    try {
      this.#jobs.write(slot, operation)
    } catch (error) {
      this.#freeSlots.push(slot)
      throw error
    }
    operation.slot = slot
    this.#given[slot] = operation
    this.#addUse(operation, 1)
    this.#queue.give(slot)
    this.#waker.schedule()
  }

  cancel(operation: Operation): void {
    const { slot } = operation
    if (slot >= 0) {
      if (!this.#queue.cancel(slot)) return
      this.#given[slot] = null
      this.#jobs.release(operation)
    } else if (slot === -1) {
      return
    }
    if (slot !== IN_CLOSES) this.#addUse(operation, -1)
    operation.slot = -1
    this.#deliveries.add(operation, operation.total(-ECANCELED))
  }

  /** Cancels what has not begun, and waits for what has. */
  close(): void {
    for (let one = this.#backlog.shift(); one !== undefined; one = this.#backlog.shift()) one.cancel()
    for (const operation of [...this.#closes, ...this.#given]) operation?.cancel()
    // What is left in the queue was cancelled. If all workers sleep, none will come across it.
    for (let slot = this.#queue.takeBack(); slot >= 0; slot = this.#queue.takeBack())
      this.#freeSlots.push(slot)
    const pollfd = new Int32Array(32)
    pollfd[0] = this.#notifier.fd
    pollfd[1] = POLLIN
    for (this.#collect(); this.#freeSlots.length < SLOTS; this.#collect()) {
      const result = ppoll(pollfd, 1, -1)
      if (result !== -EINTR) check(result, 'ppoll')
      this.#notifier.testAndClear()
    }
    this.#queue.awaitQuiet()
    for (const _ of this.#workers) this.#queue.end()
    this.#queue.wake()
    this.#workers.clear()
    this.#waker.delete()
    this.#ctx.setEventNotifier(this.#notifier, null)
    this.#notifier.close()
  }

  /** Takes what is done. */
  #collect(): void {
    for (const slot of this.#queue.takeDone()) {
      const operation = this.#given[slot]!
      this.#given[slot] = null
      // With the slot still taken: what it holds is looked at.
      if (operation !== null) this.#finish(operation, slot)
      this.#freeSlots.push(slot)
    }
    while (this.#backlog.length > 0 && this.#freeSlots.length > 0) {
      const operation = this.#backlog.shift()!
      if (operation.slot !== IN_BACKLOG) continue
      this.#addUse(operation, -1)
      this.#startLater(operation)
    }
    if (this.#closes.length === 0) return
    const closes = this.#closes
    this.#closes = []
    for (const operation of closes) if (operation.slot === IN_CLOSES) this.#startLater(operation)
  }

  #startLater(operation: Operation): void {
    operation.slot = -1
    try {
      if (operation.isCancelled) this.#deliveries.add(operation, operation.total(-ECANCELED))
      else this.start(operation)
    } catch {
      this.#deliveries.add(operation, operation.total(-EFAULT))
    }
  }

  #addUse({ fd }: Operation, change: number): void {
    const uses = (this.#uses.get(fd) ?? 0) + change
    if (uses > 0) this.#uses.set(fd, uses)
    else this.#uses.delete(fd)
  }

  #finish(operation: Operation, slot: number): void {
    const res = this.#jobs.result(slot, operation)
    this.#jobs.release(operation)
    this.#addUse(operation, -1)
    operation.slot = -1
    if (operation.kind === op.OPENAT && !operation.mayWait && isLeased(res, operation.first)) {
      operation.mayWait = true
      this.#startLater(operation)
    } else if (operation.isShort(res)) {
      this.#startLater(operation)
    } else {
      this.#deliveries.add(operation, operation.total(res))
    }
  }

  #wake(): void {
    // Workers that have not begun will take one each when they have.
    let lacking = this.#queue.wake() - (this.#workers.size - this.#queue.begun)
    try {
      for (; lacking > 0 && this.#workers.size < this.#max; lacking--) this.#startWorker()
    } catch {
      this.#stayWith()
    }
  }

  /** It has to be there: nobody else would do what is given. */
  #startFirst(): void {
    let cause: unknown
    const { begun } = this.#queue
    try {
      const worker = this.#startWorker()
      if (this.#queue.awaitWorker(begun, START_TIMEOUT_MS)) return
      this.#workers.delete(worker)
    } catch (error) {
      cause = error
    }
    throw aioError(
      'ERR_AIO_WORKER',
      'No thread could be started for files: there may be no memory or no descriptors for one.',
      { cause },
    )
  }

  #startWorker(): Worker {
    const workerData: WorkerData = {
      words: this.#words,
      jobs: this.#jobs.memory,
      wakeFd: this.#notifier.fd,
      nativePath,
    }
    const worker = new Worker(workerProgram, { workerData, execArgv: [], stdin: false, name: 'aiokit:io' })
    // What it does is waited for by polling; it must not keep a process alive that does not wait.
    worker.unref()
    worker.on('error', () => {
      if (this.#workers.delete(worker)) this.#stayWith()
    })
    this.#workers.add(worker)
    return worker
  }

  /** There is no memory or no descriptor for another worker: those that there are do its work. */
  #stayWith(): void {
    this.#max = Math.max(1, this.#workers.size)
  }
}
