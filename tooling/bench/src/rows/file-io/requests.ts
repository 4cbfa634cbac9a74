import { fstatSync } from 'node:fs'
import { randomNumbers } from '../../timing.ts'
import { BLOCK, type Work, WRITES_PER_FSYNC } from './work.ts'

export const PICKS = 65_536

/** The blocks of an open file in the order in which all contenders, but for qemu-img, take them; again after the last. */
export function picks(fd: number): Uint32Array {
  return randomNumbers(PICKS, fstatSync(fd).size / BLOCK)
}

/** How one contender begins a request. It tells `Requests` when it has ended. */
export interface Requester {
  /** Reads or writes BLOCK bytes of slot `slot` at `position`; then `requests.completed(slot, count)`. */
  transfer(slot: number, position: number): void
  /** fdatasync(2), then `requests.synced()`. */
  fsync(): void
}

/**
 * Keeps `depth` requests in flight, each in a slot with a buffer of its own: what completes is followed by the next in
 * the same slot. With fsync there are WRITES_PER_FSYNC writes, fsync by itself, and so on. As floor/file-io.c.
 */
export class Requests {
  readonly depth: number
  readonly #batch: number
  readonly #hasFsync: boolean
  readonly #picks: Uint32Array
  #requester: Requester | null = null
  #pick = 0
  #done = () => {}
  /** Of the run: not in a batch yet. Of the batch: not begun, and not ended. */
  #left = 0
  #toStart = 0
  #unfinished = 0

  constructor(work: Work, depth: number, fd: number) {
    this.depth = depth
    this.#hasFsync = work === 'write+fsync'
    this.#batch = this.#hasFsync ? WRITES_PER_FSYNC : Number.POSITIVE_INFINITY
    this.#picks = picks(fd)
  }

  /** Begins `ops` requests, and calls `done` in the end. */
  run(requester: Requester, ops: number, done: () => void): void {
    this.#requester = requester
    this.#done = done
    this.#left = ops
    this.#nextBatch()
  }

  completed(slot: number, count: number): void {
    if (count !== BLOCK) throw new Error(`a request ended with ${count}`)
    if (this.#toStart > 0) this.#start(slot)
    if (--this.#unfinished > 0) return
    if (this.#hasFsync) this.#requester!.fsync()
    else this.#done()
  }

  synced(): void {
    if (this.#left > 0) this.#nextBatch()
    else this.#done()
  }

  #nextBatch(): void {
    const count = Math.min(this.#left, this.#batch)
    this.#left -= count
    this.#toStart = count
    this.#unfinished = count
    for (let slot = 0; slot < this.depth && this.#toStart > 0; slot++) this.#start(slot)
  }

  #start(slot: number): void {
    this.#toStart--
    const position = this.#picks[this.#pick]! * BLOCK
    this.#pick = (this.#pick + 1) % PICKS
    this.#requester!.transfer(slot, position)
  }
}
