import { aioError } from '@aiokit/errors'
import { addressOf } from '@aiokit/sys'
import { Block } from './block.ts'

/** What O_DIRECT, registered buffers and rings of buffers need: the size of a page. */
const PAGE = 4096

/**
 * A stretch of memory that is cut into blocks of one size. A SharedArrayBuffer never moves, cannot be detached, and
 * lives for as long as anything refers to it.
 */
export class Slab {
  readonly memory: SharedArrayBuffer
  readonly address: number
  readonly #blockSize: number
  readonly #start: number
  readonly #blocks: (Block | undefined)[]
  readonly #free: Block[] = []
  readonly #onFree: (slab: Slab) => void
  #cut = 0

  /**
   * @param onFree hears when a slab that had no free block has one again
   * @throws `ERR_AIO_NO_MEMORY`
   */
  constructor(blockSize: number, count: number, onFree: (slab: Slab) => void) {
    try {
      this.memory = new SharedArrayBuffer(blockSize * count + PAGE)
    } catch (cause) {
      throw aioError(
        'ERR_AIO_NO_MEMORY',
        `There is no memory for ${blockSize * count} bytes of buffers: free some, or ask for less at once.`,
        { cause },
      )
    }
    // Of all of it there can be no view: the largest slab has a page more than the largest view.
    this.address = addressOf(new Uint8Array(this.memory, 0, 1))
    this.#start = (PAGE - (this.address % PAGE)) % PAGE
    this.#blockSize = blockSize
    this.#blocks = new Array(count)
    this.#onFree = onFree
  }

  get isFull(): boolean {
    return this.#free.length === 0 && this.#cut === this.#blocks.length
  }

  /** A block, not yet anybody's; only if the slab is not full. */
  get(): Block {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const index = this.#cut++
    const block = new Block(this, this.#start + index * this.#blockSize, this.#blockSize)
    this.#blocks[index] = block
    return block
  }

  put(block: Block): void {
    const wasFull = this.isFull
    this.#free.push(block)
    if (wasFull) this.#onFree(this)
  }

  /** The block that has all bytes from `offset` to `offset + length` of the memory, if there is one. */
  find(offset: number, length: number): Block | null {
    const at = offset - this.#start
    const index = Math.floor(at / this.#blockSize)
    if (at < 0 || at + length > (index + 1) * this.#blockSize) return null
    return this.#blocks[index] ?? null
  }
}
