import { type AioContext, EventNotifier } from 'aiokit'
import { BELL_BYTES, type BellHandle, BellWords } from './ringer.ts'

/**
 * A source of events that can be looked at from userspace: who rings counts in shared memory and makes the descriptor ready
 * only if nobody looks, as the queues of virtual machines do it.
 */
export class Bell implements Disposable {
  readonly handle: BellHandle
  readonly #ctx: AioContext
  readonly #notifier: EventNotifier = new EventNotifier()
  readonly #words: BellWords
  readonly #onHeard: () => void
  #heard = 0

  /**
   * @param onHeard called when it was rung, however often
   * @param memory BELL_BYTES, or those from `offset` on
   */
  constructor(
    ctx: AioContext,
    onHeard: () => void,
    memory: SharedArrayBuffer = new SharedArrayBuffer(BELL_BYTES),
    offset = 0,
  ) {
    const notifier = this.#notifier
    this.#ctx = ctx
    this.#onHeard = onHeard
    this.handle = { memory, offset, fd: notifier.fd }
    const words = new BellWords(memory, offset)
    this.#words = words
    words.wanted[0] = 1
    ctx.setEventNotifier(notifier, {
      read: () => {
        notifier.testAndClear()
        this.#hear()
      },
      poll: () => Atomics.load(words.rings, 0) !== this.#heard,
      pollReady: () => this.#hear(),
      pollBegin: () => void Atomics.store(words.wanted, 0, 0),
      pollEnd: () => void Atomics.store(words.wanted, 0, 1),
    })
  }

  /** When it was rung last, in nanoseconds of `sys.monotonicNs`. */
  get rungAt(): number {
    return this.#words.time[0]!
  }

  #hear(): void {
    const rings = Atomics.load(this.#words.rings, 0)
    if (rings === this.#heard) return
    this.#heard = rings
    this.#onHeard()
  }

  [Symbol.dispose](): void {
    this.#ctx.setEventNotifier(this.#notifier, null)
    this.#notifier.close()
  }
}
