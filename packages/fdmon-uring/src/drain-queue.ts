import type { UringRequest } from './request.ts'
import { SQE_IO_LINK, SQE_LINKED, SQE_OPCODE } from './uapi.ts'

interface Held {
  readonly request: UringRequest
  readonly words: Int32Array
  readonly isDrain: boolean
}

/**
 * Requests that wait for others to end: those that asked for it with `drain()`, and what was made after one.
 *
 * The kernel's own flag, IOSQE_IO_DRAIN, is of no use on a ring that watches descriptors: it waits for their poll
 * requests as well, which may never end, and holds up everything else meanwhile, new poll requests included.
 */
export class DrainQueue {
  readonly #held: Held[] = []
  /** Requests on the ring that the others wait for: one that was drained, with the rest of its chain. */
  #barrier = 0

  /** Whether what comes next must go through here. */
  get isActive(): boolean {
    return this.#barrier > 0 || this.#held.length > 0
  }

  /** How many of the last are linked to one that is to follow. */
  get chain(): number {
    let chain = 0
    while (chain < this.#held.length && isLinked(this.#held[this.#held.length - 1 - chain]!)) chain++
    return chain
  }

  /** `request` goes to the ring, and those made after it wait until it has ended. */
  addBarrier(request: UringRequest): void {
    request.isBarrier = true
    this.#barrier++
  }

  /** `request`, which was a barrier, has ended. */
  removeBarrier(request: UringRequest): void {
    request.isBarrier = false
    this.#barrier--
  }

  hold(request: UringRequest, words: Int32Array, isDrain: boolean): void {
    request.isHeld = true
    this.#held.push({ request, words: words.slice(), isDrain })
  }

  /** The entry made last is not linked to what follows. */
  closeChain(): void {
    const last = this.#held.at(-1)
    if (last !== undefined) last.words[SQE_OPCODE]! &= ~SQE_LINKED
  }

  /**
   * The next chain, or single request, that need not wait any more.
   *
   * @param inFlight requests on the ring
   */
  take(inFlight: number): Held[] {
    const first = this.#held[0]
    if (first === undefined || this.#barrier > 0 || (first.isDrain && inFlight > 0)) return []
    let count = 1
    while (count < this.#held.length && isLinked(this.#held[count - 1]!)) count++
    const taken = this.#held.splice(0, count)
    for (const { request } of taken) {
      request.isHeld = false
      if (first.isDrain) this.addBarrier(request)
    }
    return taken
  }

  /** Takes out `request`, and those of its chain that will not begin without it. */
  cancel(request: UringRequest): UringRequest[] {
    const at = this.#held.findIndex((held) => held.request === request)
    let end = at + 1
    while (end < this.#held.length && (this.#held[end - 1]!.words[SQE_OPCODE]! & SQE_IO_LINK) !== 0) end++
    const gone = this.#held.splice(at, end - at)
    // What came before is linked to what comes now only if all of it is one chain.
    const before = this.#held[at - 1]
    if (before !== undefined && !isLinked(gone.at(-1)!)) before.words[SQE_OPCODE]! &= ~SQE_LINKED
    for (const held of gone) held.request.isHeld = false
    return gone.map((held) => held.request)
  }

  /** Takes out all. */
  clear(): UringRequest[] {
    return this.#held.splice(0).map((held) => held.request)
  }
}

function isLinked({ words }: Held): boolean {
  return (words[SQE_OPCODE]! & SQE_LINKED) !== 0
}
