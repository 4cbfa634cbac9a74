import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { AioContext } from '@aiokit/aio'
import { type Block, bufferOf, bufferPool, lengthOf, offsetOf } from '@aiokit/buffer-pool'
import { aioError } from '@aiokit/errors'
import { EventNotifier } from '@aiokit/notifier'
import { check, ECANCELED, EFAULT, EINTR, POLLIN, ppoll } from '@aiokit/sys'
import { CONNECT, OPENAT, type Operation, READ, READV, STATX, WRITE, WRITEV } from '../operation.ts'
import type { SlabMessage, WorkerData } from '../worker.ts'
import { workerProgram } from '../worker-program.ts'
import type { Deliveries } from './deliveries.ts'
import {
  JOB_FD,
  JOB_FIRST,
  JOB_KIND,
  JOB_LENGTH,
  JOB_OFFSET,
  JOB_POSITION,
  JOB_RESULT,
  JOB_SECOND,
  JOB_SLAB,
  JobQueue,
  newJobMemory,
  SLOTS,
} from './job-queue.ts'
import { STATX_SIZE, statxOffset } from './run-job.ts'

/** The most bytes that a job moves: vectors are gathered, and their memory has to be somewhere. */
const MAX_JOB = 1 << 30

/** Starting a thread takes some 30 ms. */
const START_TIMEOUT_MS = 10_000

/**
 * Worker threads that make blocking system calls. They are started as they are needed, sleep on a word of shared memory,
 * and wake the context with one eventfd write for all that is done until it looks.
 */
export class Workers {
  readonly #ctx: AioContext
  #max: number
  readonly #deliveries: Deliveries
  readonly #retry: (operation: Operation) => void
  readonly #memory = newJobMemory()
  readonly #queue: JobQueue = new JobQueue(this.#memory)
  readonly #notifier: EventNotifier = new EventNotifier()
  readonly #workers: { worker: Worker; slabs: MessagePort }[] = []
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i)
  /** By slot: what was given. */
  readonly #given: (Operation | null)[] = new Array<Operation | null>(SLOTS).fill(null)
  #running = 0
  /** What there is no slot for. */
  readonly #backlog: Operation[] = []
  readonly #slabNumbers: WeakMap<SharedArrayBuffer, number> = new WeakMap<SharedArrayBuffer, number>()
  #lastSlab = 0

  /**
   * @param max threads
   * @param retry is called for an operation of which a part is left
   */
  constructor(ctx: AioContext, max: number, deliveries: Deliveries, retry: (operation: Operation) => void) {
    this.#ctx = ctx
    this.#max = max
    this.#deliveries = deliveries
    this.#retry = retry
    ctx.setEventNotifier(this.#notifier, {
      read: () => {
        this.#notifier.testAndClear()
        this.collect()
        deliveries.deliver()
      },
    })
  }

  start(operation: Operation): void {
    if (this.#freeSlots.length === 0) {
      this.#backlog.push(operation)
      return
    }
    // Before anything is taken that would have to be given back.
    if (this.#workers.length < this.#max && this.#running >= this.#workers.length) this.#startWorker()
    const slot = this.#freeSlots.pop()!
    try {
      this.#write(slot, operation)
    } catch (error) {
      this.#freeSlots.push(slot)
      this.#release(operation)
      throw error
    }
    operation.slot = slot
    this.#given[slot] = operation
    this.#running++
    this.#queue.give(slot)
  }

  cancel(operation: Operation): void {
    const waiting = this.#backlog.indexOf(operation)
    if (waiting >= 0) {
      this.#backlog.splice(waiting, 1)
      this.#deliveries.add(operation, operation.total(-ECANCELED))
    } else if (operation.slot >= 0 && this.#queue.cancel(operation.slot)) {
      // The slot comes back when a worker comes across it.
      this.#given[operation.slot] = null
      operation.slot = -1
      this.#release(operation)
      this.#deliveries.add(operation, operation.total(-ECANCELED))
    }
  }

  /** Takes what is done. */
  collect(): void {
    for (const slot of this.#queue.takeDone()) {
      const operation = this.#given[slot]!
      const res = this.#queue.jobs[this.#queue.at(slot) + JOB_RESULT]!
      this.#given[slot] = null
      this.#freeSlots.push(slot)
      this.#running--
      if (operation !== null) this.#finish(operation, res)
    }
    while (this.#backlog.length > 0 && this.#freeSlots.length > 0) {
      const operation = this.#backlog.shift()!
      try {
        this.start(operation)
      } catch {
        this.#deliveries.add(operation, operation.total(-EFAULT))
      }
    }
  }

  /** Cancels what has not begun, and waits for what has. */
  close(): void {
    for (const operation of [...this.#backlog, ...this.#given]) operation?.cancel()
    const pollfd = new Int32Array(32)
    pollfd[0] = this.#notifier.fd
    pollfd[1] = POLLIN
    for (this.collect(); this.#running > 0; this.collect()) {
      const result = ppoll(pollfd, 1, -1)
      if (result !== -EINTR) check(result, 'ppoll')
      this.#notifier.testAndClear()
    }
    this.#queue.awaitQuiet()
    for (const _ of this.#workers) this.#queue.end()
    for (const { slabs } of this.#workers) slabs.close()
    this.#workers.length = 0
    this.#ctx.setEventNotifier(this.#notifier, null)
    this.#notifier.close()
  }

  #finish(operation: Operation, res: number): void {
    operation.slot = -1
    if (!this.#copyBack(operation, res)) res = -EFAULT
    this.#release(operation)
    if (operation.isShort(res)) this.#retry(operation)
    else this.#deliveries.add(operation, operation.total(res))
  }

  #write(slot: number, operation: Operation): void {
    const { jobs } = this.#queue
    const at = this.#queue.at(slot)
    jobs[at + JOB_KIND] = operation.kind
    jobs[at + JOB_FD] = operation.fd
    jobs[at + JOB_POSITION] = operation.position
    jobs[at + JOB_FIRST] = operation.first
    jobs[at + JOB_SECOND] = operation.second
    jobs[at + JOB_SLAB] = 0
    jobs[at + JOB_OFFSET] = 0
    jobs[at + JOB_LENGTH] = 0
    const { kind, view } = operation
    if (kind === READ || kind === WRITE) {
      const length = Math.min(lengthOf(view!), MAX_JOB)
      const own = bufferPool.find(view!)
      if (own !== null) {
        own.pin()
        operation.block = own
        operation.isBorrowed = false
        this.#place(at, own, offsetOf(view!), length)
        return
      }
      const block = this.#borrow(operation, length)
      if (kind === WRITE) block.bytes.set(bytesOf(view!).subarray(0, length))
      this.#place(at, block, block.bytes.byteOffset, length)
    } else if (kind === READV || kind === WRITEV) {
      const length = Math.min(
        operation.views!.reduce((sum, one) => sum + lengthOf(one), 0),
        MAX_JOB,
      )
      const block = this.#borrow(operation, length)
      if (kind === WRITEV) gather(block.bytes.subarray(0, length), operation.views!)
      this.#place(at, block, block.bytes.byteOffset, length)
    } else if (kind === OPENAT || kind === STATX) {
      const path = Buffer.from(`${operation.path}\0`)
      const block = this.#borrow(operation, statxOffset(path.length) + STATX_SIZE)
      block.bytes.set(path)
      this.#place(at, block, block.bytes.byteOffset, path.length)
    } else if (kind === CONNECT) {
      const block = this.#borrow(operation, lengthOf(view!))
      block.bytes.set(bytesOf(view!))
      this.#place(at, block, block.bytes.byteOffset, lengthOf(view!))
    }
  }

  #borrow(operation: Operation, length: number): Block {
    const block = bufferPool.take(length)
    block.pin()
    // From now on it is held by the pin alone.
    block.release()
    operation.block = block
    operation.isBorrowed = true
    return block
  }

  #place(at: number, block: Block, offset: number, length: number): void {
    const { jobs } = this.#queue
    jobs[at + JOB_SLAB] = this.#slabNumber(block.bytes.buffer)
    jobs[at + JOB_OFFSET] = offset
    jobs[at + JOB_LENGTH] = length
  }

  /** Returns false if there is no room any more for what was read. */
  #copyBack(operation: Operation, res: number): boolean {
    const { kind, block, view, views } = operation
    if (block === null || res < 0) return true
    try {
      if (kind === READ && operation.isBorrowed) bytesOf(view!).set(block.bytes.subarray(0, res))
      else if (kind === READV) scatter(block.bytes.subarray(0, res), views!)
      else if (kind === STATX) {
        const out = statxOffset(Buffer.byteLength(operation.path) + 1)
        bytesOf(view!).set(block.bytes.subarray(out, out + STATX_SIZE))
      }
      return true
    } catch {
      return false
    }
  }

  #release(operation: Operation): void {
    operation.block?.unpin()
    operation.block = null
  }

  /** Workers know memory by numbers, and learn of it before the first job that uses it. */
  #slabNumber(memory: SharedArrayBuffer): number {
    const known = this.#slabNumbers.get(memory)
    if (known !== undefined) return known
    const slab = ++this.#lastSlab
    this.#slabNumbers.set(memory, slab)
    const message: SlabMessage = { slab, memory }
    this.#slabs.push(message)
    for (const { slabs } of this.#workers) slabs.postMessage(message)
    return slab
  }

  /** For workers that come later. */
  readonly #slabs: SlabMessage[] = []

  #startWorker(): void {
    const { port1, port2 } = new MessageChannel()
    const workerData: WorkerData = { ...this.#memory, wakeFd: this.#notifier.fd, slabs: port2 }
    const worker = new Worker(workerProgram, {
      workerData,
      transferList: [port2],
      execArgv: [],
      stdin: false,
      name: 'aiokit:io',
    })
    // What it does is waited for by polling; it must not keep a process alive that does not wait.
    worker.unref()
    port1.unref()
    // There is no memory or no descriptor for another one: those that there are do its work.
    worker.on('error', () => {
      const index = this.#workers.findIndex((one) => one.worker === worker)
      if (index < 0) return
      this.#workers.splice(index, 1)
      this.#max = Math.max(1, this.#workers.length)
    })
    for (const message of this.#slabs) port1.postMessage(message)
    this.#workers.push({ worker, slabs: port1 })
    // The first one has to be there: nobody else would do what is given.
    if (this.#workers.length > 1 || this.#queue.awaitWorker(START_TIMEOUT_MS)) return
    this.#workers.pop()
    throw aioError(
      'ERR_AIO_WORKER',
      'No thread could be started for files: there may be no memory or no descriptors for one.',
    )
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(bufferOf(view), offsetOf(view), lengthOf(view))
}

function gather(target: Uint8Array, views: readonly ArrayBufferView[]): void {
  let at = 0
  for (const view of views) {
    const bytes = bytesOf(view).subarray(0, target.length - at)
    target.set(bytes, at)
    at += bytes.length
  }
}

function scatter(source: Uint8Array, views: readonly ArrayBufferView[]): void {
  let at = 0
  for (const view of views) {
    const bytes = source.subarray(at, at + view.byteLength)
    bytesOf(view).set(bytes)
    at += bytes.length
  }
}
