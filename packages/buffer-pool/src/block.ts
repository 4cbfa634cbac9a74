import type { Slab } from './slab.ts'

/**
 * One piece of a slab, of a size that is a power of two. It is reused when its owner has released it and nobody has
 * pinned it any more.
 */
export class Block {
  /** All of it. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** Of its first byte, for the kernel. */
  readonly address: number
  /** Of its first byte in the memory of its slab. */
  readonly offset: number
  /** @internal */
  readonly slab: Slab
  #isOwned = false
  #pins = 0

  /** @internal */
  constructor(slab: Slab, offset: number, size: number) {
    this.slab = slab
    this.bytes = new Uint8Array(slab.memory, offset, size)
    this.address = slab.address + offset
    this.offset = offset
  }

  /** Whether it belongs to somebody: a view of one that was released may show anything. */
  get isOwned(): boolean {
    return this.#isOwned
  }

  /** @internal */
  take(): this {
    this.#isOwned = true
    return this
  }

  /** Gives it back. While it is pinned it is not given to anybody else. Does nothing if it was released before. */
  release(): void {
    if (!this.#isOwned) return
    this.#isOwned = false
    if (this.#pins === 0) this.slab.put(this)
  }

  /** The kernel is about to use it. */
  pin(): void {
    this.#pins++
  }

  /** The kernel is done with it. */
  unpin(): void {
    if (--this.#pins === 0 && !this.#isOwned) this.slab.put(this)
  }
}
