import { aioError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import { Allocation } from './allocation.ts'
import type { Block } from './block.ts'
import { Slab } from './slab.ts'
import { bufferOf, isGone, lengthOf, offsetOf } from './view.ts'

/** The smallest block, in bytes; the others are its doubles. From 4096 on they are aligned to pages. */
const MIN_SHIFT = 8
/** Blocks up to this share a slab of it; larger ones have one to themselves. */
const SLAB_SHIFT = 20
/** 4 GiB: what fits into the 32-bit lengths of requests, and more than anybody should ask for. */
const MAX_SHIFT = 32

/**
 * Memory for requests to the kernel. A request in flight writes to an address, whatever JavaScript does meanwhile: so
 * the memory must not be moved, detached or collected before the request is done. That holds of this memory and of no
 * other that JavaScript has; what is elsewhere is copied through it.
 *
 * There is one pool for each thread, `bufferPool`.
 */
class BufferPool {
  /**
   * By size: slabs that have a free block. A full one is held by its blocks' owners alone, so that blocks which were
   * never given back are collected with their slab, once nobody has a view of any of them.
   */
  readonly #available: Slab[][] = Array.from({ length: MAX_SHIFT + 1 }, () => [])
  readonly #slabs: WeakMap<ArrayBufferLike, Slab> = new WeakMap<ArrayBufferLike, Slab>()
  /** The last one found: a program mostly uses few. */
  #lastMemory: ArrayBufferLike | null = null
  #lastSlab: Slab | null = null

  /**
   * `size` bytes of zeros, as a view that requests use without copying. Give it back with `free()`; if you do not, it is
   * collected some time after you have dropped it and everything around it.
   *
   * @throws `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_NO_MEMORY`
   */
  allocate(size: number): Uint8Array<SharedArrayBuffer> {
    const block = this.take(requireInteger(size, 'size', 1, 2 ** MAX_SHIFT - 1))
    const view = new Uint8Array(block.slab.memory, block.offset, size).fill(0)
    Allocation.mark(view, block, size)
    return view
  }

  /**
   * Gives back what `allocate()` gave. A request that still uses it goes on; the memory is not used again before that.
   *
   * @throws `ERR_AIO_NOT_ALLOCATED` for any other view, and the second time; `ERR_AIO_INVALID_ARG_TYPE`
   */
  free(view: ArrayBufferView): void {
    if (!ArrayBuffer.isView(view)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"view" must be what allocate() returned. Received ${describe(view)}.`,
      )
    }
    const block = isGone(view) ? null : this.find(view)
    if (block === null || block.offset !== offsetOf(view)) {
      throw aioError(
        'ERR_AIO_NOT_ALLOCATED',
        '"view" must be what allocate() returned, and not freed before.',
      )
    }
    block.release()
  }

  /**
   * A block of at least `size` bytes with anything in it, for whoever talks to the kernel.
   *
   * @throws `ERR_AIO_NO_MEMORY`, also for more than there can be in one block
   */
  take(size: number): Block {
    // The logarithm below is of 32 bits: of more, the block would be too small for what the kernel is told.
    if (size > 2 ** MAX_SHIFT) {
      throw aioError(
        'ERR_AIO_NO_MEMORY',
        `A buffer of ${size} bytes is more than there can be: ask for at most ${2 ** MAX_SHIFT}.`,
      )
    }
    const shift = Math.max(MIN_SHIFT, size <= 1 ? 0 : 32 - Math.clz32(size - 1))
    const available = this.#available[shift]!
    let slab = available.at(-1)
    if (slab === undefined) {
      slab = new Slab(2 ** shift, 2 ** Math.max(0, SLAB_SHIFT - shift), (free) => available.push(free))
      this.#slabs.set(slab.memory, slab)
      available.push(slab)
    }
    const block = slab.get().take()
    if (slab.isFull) available.pop()
    return block
  }

  /** The block that has all of `view`; null if none has, or if it was given back. */
  find(view: ArrayBufferView): Block | null {
    const own = Allocation.blockOf(view)
    if (own !== null) return own.isOwned ? own : null
    const memory = bufferOf(view)
    if (memory !== this.#lastMemory) {
      const slab = this.#slabs.get(memory)
      if (slab === undefined) return null
      this.#lastMemory = memory
      this.#lastSlab = slab
    }
    const block = this.#lastSlab!.find(offsetOf(view), lengthOf(view))
    return block?.isOwned ? block : null
  }
}

export type { BufferPool }

/** The pool of this thread. */
export const bufferPool: BufferPool = new BufferPool()
