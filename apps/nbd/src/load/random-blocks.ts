import type { Request, Work } from './load.ts'
import { Random } from './random.ts'

/** Blocks of one size at random places, all read or all written; nobody looks at what is in them. */
export class RandomBlocks implements Work {
  readonly maxLength: number
  readonly #blocks: number
  readonly #isWrite: boolean
  readonly #random = new Random(0x6d2b79f5)

  constructor(size: number, blockSize: number, isWrite: boolean) {
    this.maxLength = blockSize
    this.#blocks = Math.min(Math.floor(size / blockSize), 2 ** 31)
    this.#isWrite = isWrite
  }

  choose(request: Request): void {
    request.isWrite = this.#isWrite
    request.offset = this.#random.below(this.#blocks) * this.maxLength
    request.length = this.maxLength
  }

  fill(): void {
    // Whatever is left there of earlier requests.
  }

  done(): boolean {
    return true
  }
}
