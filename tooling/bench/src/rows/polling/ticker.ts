import type { BellHandle } from './ringer.ts'
import { SourceThread } from './source-thread.ts'

export interface TickerData {
  bell: BellHandle
  periodNs: number
  /** Set to 1 when it is to end. */
  end: Int32Array
}

/** A source that is slow: a thread that rings a bell, sleeps for a while, and so on. */
export class Ticker {
  readonly #thread: SourceThread
  readonly #end: Int32Array

  static async start(bell: BellHandle, periodNs: number): Promise<Ticker> {
    const end = new Int32Array(new SharedArrayBuffer(4))
    const data: TickerData = { bell, periodNs, end }
    return new Ticker(await SourceThread.start(new URL('./ticker-thread.js', import.meta.url), data), end)
  }

  private constructor(thread: SourceThread, end: Int32Array) {
    this.#thread = thread
    this.#end = end
  }

  /** Its bell is not rung any more when this has ended. */
  async stop(): Promise<void> {
    Atomics.store(this.#end, 0, 1)
    Atomics.notify(this.#end, 0)
    await this.#thread.ended()
  }
}
