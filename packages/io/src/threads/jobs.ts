import { type Block, bufferOf, bufferPool, lengthOf, offsetOf } from '@aiokit/buffer-pool'
import { EFAULT, O_NONBLOCK } from '@aiokit/sys'
import * as op from '../opcodes.ts'
import { opened } from '../opening.ts'
import type { Operation } from '../operation.ts'
import {
  fieldsAt,
  JOB_ADDRESS,
  JOB_FD,
  JOB_FIRST,
  JOB_KIND,
  JOB_LENGTH,
  JOB_POSITION,
  JOB_RESULT,
  JOB_SECOND,
  type JobMemory,
  newJobMemory,
  setPath,
  statxOf,
} from './job.ts'

/**
 * The most bytes that are copied for one job. The next part takes the same memory again, which costs less than to have the
 * kernel find more. Without a position the first part would be all of it, so that is as much as there can be.
 */
const MAX_PART = 1 << 26
const MAX_WHOLE = 1 << 30

/**
 * Operations as jobs for workers, which know memory by its address: what is not of the pool is copied, and the pool's is
 * held by the operation until the job is done or was never begun.
 */
export class Jobs {
  readonly memory: JobMemory

  constructor(count: number) {
    this.memory = newJobMemory(count)
  }

  /** Writes what `operation` is. @throws if there is no memory for it, or no longer any that it is of */
  write(slot: number, operation: Operation): void {
    const { fields } = this.memory
    const at = fieldsAt(slot)
    const { kind, first } = operation
    fields[at + JOB_KIND] = kind
    fields[at + JOB_FD] = operation.fd
    fields[at + JOB_POSITION] = operation.position
    fields[at + JOB_FIRST] = kind === op.OPENAT && !operation.mayWait ? first | O_NONBLOCK : first
    fields[at + JOB_SECOND] = operation.second
    try {
      if (kind === op.READ || kind === op.WRITE) this.#writeView(at, operation, operation.view!)
      else if (kind === op.READV || kind === op.WRITEV) this.#writeViews(at, operation, operation.views!)
      else if (kind === op.OPENAT || kind === op.STATX) setPath(this.memory, slot, operation.path)
    } catch (error) {
      this.release(operation)
      throw error
    }
  }

  /** What became of the job; what it has read is where it was wanted then. */
  result(slot: number, operation: Operation): number {
    const { kind, first, block, isBorrowed, view, views } = operation
    const res = this.memory.fields[fieldsAt(slot) + JOB_RESULT]!
    if (kind === op.OPENAT) return opened(res, first)
    if (res < 0) return res
    try {
      if (kind === op.READ && isBorrowed) bytesOf(view!).set(block!.bytes.subarray(0, res))
      else if (kind === op.READV) scatter(block!.bytes.subarray(0, res), views!)
      else if (kind === op.STATX) bytesOf(view!).set(statxOf(this.memory, slot))
      return res
    } catch {
      // There is no room any more for what was read.
      return -EFAULT
    }
  }

  release(operation: Operation): void {
    operation.block?.unpin()
    operation.block = null
  }

  #writeView(at: number, operation: Operation, view: ArrayBufferView): void {
    const { fields } = this.memory
    const own = bufferPool.find(view)
    if (own === null) {
      const bytes = this.#borrow(at, operation, lengthOf(view))
      if (operation.kind === op.WRITE) bytes.set(bytesOf(view).subarray(0, bytes.length))
      return
    }
    own.pin()
    operation.block = own
    operation.isBorrowed = false
    fields[at + JOB_ADDRESS] = own.address + offsetOf(view) - own.offset
    fields[at + JOB_LENGTH] = lengthOf(view)
  }

  #writeViews(at: number, operation: Operation, views: readonly ArrayBufferView[]): void {
    let length = 0
    for (const view of views) length += lengthOf(view)
    const bytes = this.#borrow(at, operation, length)
    if (operation.kind === op.WRITEV) gather(bytes, views)
  }

  /** Memory for `length` bytes, or for a part of them. */
  #borrow(at: number, operation: Operation, length: number): Uint8Array {
    const { fields } = this.memory
    const size = Math.min(length, operation.position < 0 ? MAX_WHOLE : MAX_PART)
    const block: Block = bufferPool.take(size)
    block.pin()
    // From now on it is held by the pin alone.
    block.release()
    operation.block = block
    operation.isBorrowed = true
    fields[at + JOB_ADDRESS] = block.address
    fields[at + JOB_LENGTH] = size
    return block.bytes.subarray(0, size)
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
    const bytes = source.subarray(at, at + lengthOf(view))
    bytesOf(view).set(bytes)
    at += bytes.length
  }
}
