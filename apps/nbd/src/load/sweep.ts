import type { DiskModel } from './disk-model.ts'
import type { Request, Work } from './load.ts'

/** Reads a whole disk from its begin to its end and compares it with the model. */
export class Sweep implements Work {
  readonly maxLength: number
  /** How many it takes. */
  readonly requests: number
  readonly #size: number
  readonly #model: DiskModel
  #next = 0

  constructor(size: number, maxLength: number, model: DiskModel) {
    this.maxLength = maxLength
    this.requests = Math.ceil(size / maxLength)
    this.#size = size
    this.#model = model
  }

  choose(request: Request): void {
    request.isWrite = false
    request.offset = this.#next
    request.length = Math.min(this.maxLength, this.#size - this.#next)
    this.#next += request.length
  }

  fill(): void {
    // Writes nothing.
  }

  done(request: Request, bytes: Uint8Array | null, at: number): boolean {
    return bytes === null || this.#model.matches(request.offset, request.length, bytes, at)
  }
}
