import type { Block } from './block.ts'

/** A class that extends it gives its private fields to an object that exists already. */
class Mark {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what it returns is what the fields are put on
    return object
  }
}

/**
 * The mark on the views that `allocate()` gives: the block that each begins with, and its length, which never change. It
 * cannot be imitated, and to look at it takes a few nanoseconds; to ask a view for its memory, offset and length takes
 * calls, of which a request would make a dozen.
 */
export class Allocation extends Mark {
  readonly #block: Block
  readonly #length: number

  private constructor(view: ArrayBufferView, block: Block, length: number) {
    super(view)
    this.#block = block
    this.#length = length
  }

  static mark(view: ArrayBufferView, block: Block, length: number): void {
    new Allocation(view, block, length)
  }

  /** Null for a view that is not marked. */
  static blockOf(view: ArrayBufferView): Block | null {
    return #block in view ? (view as unknown as Allocation).#block : null
  }

  /** -1 for a view that is not marked. */
  static lengthOf(view: ArrayBufferView): number {
    return #length in view ? (view as unknown as Allocation).#length : -1
  }
}
