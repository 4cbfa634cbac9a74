import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { BellHandle } from './ringer.ts'

export interface TickerData {
  bell: BellHandle
  periodNs: number
  /** Set to 1 when it is to end. */
  end: Int32Array
}

/** A source that is slow: a thread that rings a bell, sleeps for a while, and so on. */
export class Ticker {
  readonly #end = new Int32Array(new SharedArrayBuffer(4))
  readonly #worker: Worker

  static async start(bell: BellHandle, periodNs: number): Promise<Ticker> {
    const ticker = new Ticker(bell, periodNs)
    await once(ticker.#worker, 'message')
    return ticker
  }

  private constructor(bell: BellHandle, periodNs: number) {
    const workerData: TickerData = { bell, periodNs, end: this.#end }
    this.#worker = new Worker(new URL('./ticker-thread.js', import.meta.url), { workerData })
  }

  /** Its bell is not rung any more when this has ended. */
  async stop(): Promise<void> {
    Atomics.store(this.#end, 0, 1)
    Atomics.notify(this.#end, 0)
    await once(this.#worker, 'exit')
  }
}
