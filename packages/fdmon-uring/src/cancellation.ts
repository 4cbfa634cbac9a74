import type { Ring } from './ring.ts'
import { SQE_ADDRESS, SQE_FD, SQE_OPCODE, SQE_USER_DATA, SQE_WORDS } from './uapi.ts'

/**
 * Entries that end another request, of a poll or of the program.
 *
 * Not with IOSQE_CQE_SKIP_SUCCESS: on a ring that has seen it nothing can be drained any more, and draining is how the
 * end of a thread waits for its requests.
 */
export class Cancellation {
  readonly #words: Int32Array = new Int32Array(SQE_WORDS)
  readonly #ring: Ring
  readonly #makeRoom: () => void

  constructor(ring: Ring, opcode: number, makeRoom: () => void) {
    this.#ring = ring
    this.#makeRoom = makeRoom
    this.#words[SQE_OPCODE] = opcode
    this.#words[SQE_FD] = -1
  }

  /** Ends what carries `slot` and `tag`, and carries `ownSlot` and `ownTag` itself. */
  push(slot: number, tag: number, ownSlot: number, ownTag: number): void {
    if (this.#ring.isFull) this.#makeRoom()
    const words = this.#words
    words[SQE_ADDRESS] = slot
    words[SQE_ADDRESS + 1] = tag
    words[SQE_USER_DATA] = ownSlot
    words[SQE_USER_DATA + 1] = ownTag
    this.#ring.pushBeforeChain(words)
  }
}
