import type { AsyncResource } from 'node:async_hooks'
import { type Block, bufferOf, bufferPool, lengthOf, offsetOf } from '@aiokit/buffer-pool'
import { captureScopeIfHosted } from '@aiokit/callback'
import type { CqeHandler, SqeRequest } from '@aiokit/fdmon'
import { EFAULT } from '@aiokit/sys'
import type { UringBufferGroup } from './buffer-group.ts'

/** Memory that a request uses, beside its first. */
interface Lease {
  readonly block: Block
  /** Where what was read is to be copied; null if it is not, because it is there already or nothing is read. */
  readonly target: ArrayBufferView | null
  /** How many bytes of what is read come here. */
  readonly size: number
  /** Whether to give the block back. */
  readonly isOurs: boolean
}

/** What a request asks of its monitor. */
export interface RequestHost {
  cancelRequest(request: UringRequest): void
}

/**
 * A request on the ring: who hears of it, and the memory that the kernel uses until then.
 *
 * Most requests use one block, which is why the first has its fields here: nothing else is allocated for it.
 */
export class UringRequest implements SqeRequest {
  /** @internal */
  readonly handler: CqeHandler
  /** @internal The async context in which it hears of it, if a host loop runs. */
  readonly scope: AsyncResource | null = captureScopeIfHosted('AIO_SQE')
  /** @internal Where its monitor keeps it, and what its completions carry beside that; 0 when it is not in flight. */
  slot = -1
  /** @internal */
  tag = 0

  /** @internal Whose it is. */
  readonly host: RequestHost
  /** @internal It waits in the drain queue, or those in it wait for this. */
  isHeld = false
  /** @internal */
  isBarrier = false
  /** @internal How many times the kernel was told to cancel it. */
  cancels = 0
  /** @internal The kernel has answered it for the last time. */
  hasEnded = false
  #isCanceling = false
  /** @internal Where the kernel takes buffers from for it. */
  group: UringBufferGroup | null = null
  #block: Block | null = null
  #target: ArrayBufferView | null = null
  #size = 0
  #isOurs = false
  #more: Lease[] | null = null
  /** Whether the result is a count of bytes read; else all of the memory is copied when it is not an error. */
  #isCount = true
  /** Takes what else the kernel has written; not called after an error. */
  #onDone: (() => void) | null = null

  /** @internal */
  constructor(host: RequestHost, handler: CqeHandler) {
    this.host = host
    this.handler = handler
  }

  get pending(): boolean {
    return this.tag !== 0
  }

  cancel(): void {
    if (this.tag === 0 || this.#isCanceling) return
    this.host.cancelRequest(this)
    this.#isCanceling = true
  }

  /** Whether `value` is one, and no imitation. */
  static is(value: unknown): value is UringRequest {
    return typeof value === 'object' && value !== null && #isOurs in value
  }

  /** @internal The address of `view` for the kernel to read from. */
  source(view: ArrayBufferView): number {
    const own = this.#borrow(view)
    if (own !== 0) return own
    const length = lengthOf(view)
    const block = bufferPool.take(length)
    block.bytes.set(new Uint8Array(bufferOf(view), offsetOf(view), length))
    return this.#lease(block, null, 0, true)
  }

  /** @internal The address of memory for the kernel to write to; it is copied to `view` when the request is done. */
  target(view: ArrayBufferView): number {
    const own = this.#borrow(view)
    if (own !== 0) return own
    const length = lengthOf(view)
    return this.#lease(bufferPool.take(length), view, length, true)
  }

  /** @internal A block of the request's own, for structures that the kernel reads or writes. */
  scratch(size: number): Block {
    const block = bufferPool.take(size)
    this.#lease(block, null, 0, true)
    return block
  }

  /** @internal Memory of others that must stay until the request is done. */
  hold(block: Block): void {
    this.#lease(block, null, 0, false)
  }

  /** @internal The result is no count: all of the targets is copied if it is no error either. */
  copiesAll(): void {
    this.#isCount = false
  }

  /** @internal `done` takes what the kernel has written beside the targets; what it throws makes the result -EFAULT. */
  onDone(done: () => void): void {
    this.#onDone = done
  }

  /** @internal The request has ended: copies what was read, lets go of the memory, and returns the result. */
  finish(res: number): number {
    if (this.#block === null) return res
    const result = res >= 0 && !this.#copyBack(res) ? -EFAULT : res
    this.release()
    return result
  }

  /** @internal Lets go of the memory, which the kernel does not use any more or never did. */
  release(): void {
    if (this.#block === null) return
    drop(this.#block, this.#isOurs)
    this.#block = null
    this.#target = null
    if (this.#more === null) return
    for (const { block, isOurs } of this.#more) drop(block, isOurs)
    this.#more = null
  }

  /** Returns false if a target has no room any more for what was read. */
  #copyBack(res: number): boolean {
    if (this.#onDone !== null) {
      try {
        this.#onDone()
      } catch {
        return false
      }
    }
    let left = this.#isCount ? res : Number.POSITIVE_INFINITY
    let isWhole = this.#target === null || copy(this.#block!, this.#target, Math.min(left, this.#size))
    if (this.#more === null) return isWhole
    left -= this.#size
    for (const { block, target, size } of this.#more) {
      if (left <= 0) break
      if (target !== null) isWhole = copy(block, target, Math.min(left, size)) && isWhole
      left -= size
    }
    return isWhole
  }

  /** The address of a view in the pool, which is used as it is; 0 if it is anywhere else. */
  #borrow(view: ArrayBufferView): number {
    const block = bufferPool.find(view)
    if (block === null) return 0
    return this.#lease(block, null, lengthOf(view), false) + offsetOf(view) - block.offset
  }

  #lease(block: Block, target: ArrayBufferView | null, size: number, isOurs: boolean): number {
    block.pin()
    if (this.#block === null) {
      this.#block = block
      this.#target = target
      this.#size = size
      this.#isOurs = isOurs
    } else {
      this.#more ??= []
      this.#more.push({ block, target, size, isOurs })
    }
    return block.address
  }
}

function drop(block: Block, isOurs: boolean): void {
  if (isOurs) block.release()
  block.unpin()
}

/** Returns false if `target` has no room for it: it was detached, or has shrunk. */
function copy(block: Block, target: ArrayBufferView, count: number): boolean {
  if (count === 0) return true
  try {
    // One that has no place in its memory any more has length 0, and says that it begins with it.
    if (lengthOf(target) < count) return false
    new Uint8Array(bufferOf(target), offsetOf(target), count).set(block.bytes.subarray(0, count))
    return true
  } catch {
    return false
  }
}
