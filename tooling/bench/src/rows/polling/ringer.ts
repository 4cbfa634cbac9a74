import { EventNotifier, sys } from 'aiokit'

/** Bytes of a bell in shared memory: sources of a program are on cache lines of their own. */
export const BELL_BYTES = 64

/** Where a bell is: what a thread needs to ring one of another thread. */
export interface BellHandle {
  memory: SharedArrayBuffer
  offset: number
  fd: number
}

/** What both sides of a bell see of it. */
export class BellWords {
  /** How often it was rung. */
  readonly rings: Int32Array
  /** Whether the descriptor is to be made ready: 0 while somebody looks. */
  readonly wanted: Int32Array
  /** When it was rung last, in nanoseconds. */
  readonly time: Float64Array

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.rings = new Int32Array(memory, offset, 1)
    this.wanted = new Int32Array(memory, offset + 4, 1)
    this.time = new Float64Array(memory, offset + 8, 1)
  }
}

/** The side that rings. Of one thread only. */
export class Ringer {
  readonly #words: BellWords
  readonly #notifier: EventNotifier

  constructor({ memory, offset, fd }: BellHandle) {
    this.#words = new BellWords(memory, offset)
    this.#notifier = EventNotifier.fromFd(fd)
  }

  ring(): void {
    const { rings, wanted, time } = this.#words
    time[0] = sys.monotonicNs()
    Atomics.add(rings, 0, 1)
    if (Atomics.load(wanted, 0) === 1) this.#notifier.set()
  }
}
