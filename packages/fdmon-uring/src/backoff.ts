import { type Block, bufferPool } from '@aiokit/buffer-pool'
import type { Ring } from './ring.ts'
import { OP_TIMEOUT, SQE_ADDRESS, SQE_FD, SQE_LENGTH, SQE_OPCODE, SQE_USER_DATA, SQE_WORDS } from './uapi.ts'
import { writeWide } from './vector.ts'

/** struct timespec, 64 bits */
const TIMESPEC_SIZE = 16
/** The longest pause is 2**16 us, 66 ms. */
const STEPS = 17

/**
 * Entries that the kernel answers with -ETIME after a pause, which is twice as long each time, from 1 us.
 *
 * It is the ring that waits: whoever waits for its completions, in whatever way, goes on when the pause is over.
 */
export class Backoff {
  readonly #words: Int32Array = new Int32Array(SQE_WORDS)
  readonly #ring: Ring
  readonly #makeRoom: () => void
  /** One time after the other. The kernel reads one when the entry is submitted, and not later. */
  #times: Block | null = null

  constructor(ring: Ring, makeRoom: () => void) {
    this.#ring = ring
    this.#makeRoom = makeRoom
    this.#words[SQE_OPCODE] = OP_TIMEOUT
    this.#words[SQE_FD] = -1
    this.#words[SQE_LENGTH] = 1
  }

  /** The pause before the attempt that follows `attempts` others; it carries `slot` and `tag`. */
  push(attempts: number, slot: number, tag: number): void {
    this.#times ??= makeTimes()
    if (this.#ring.isFull) this.#makeRoom()
    const words = this.#words
    const address = this.#times.address + TIMESPEC_SIZE * Math.min(attempts - 1, STEPS - 1)
    words[SQE_ADDRESS] = address
    words[SQE_ADDRESS + 1] = address / 2 ** 32
    words[SQE_USER_DATA] = slot
    words[SQE_USER_DATA + 1] = tag
    this.#ring.pushBeforeChain(words)
  }

  /** Only when none is written that is not submitted. */
  close(): void {
    this.#times?.release()
    this.#times = null
  }
}

function makeTimes(): Block {
  const block = bufferPool.take(TIMESPEC_SIZE * STEPS)
  const times = new DataView(block.bytes.buffer, block.bytes.byteOffset, TIMESPEC_SIZE * STEPS)
  for (let i = 0; i < STEPS; i++) {
    writeWide(times, TIMESPEC_SIZE * i, 0)
    writeWide(times, TIMESPEC_SIZE * i + 8, 1000 * 2 ** i)
  }
  return block
}
