import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { BellHandle } from './ringer.ts'

export interface AnswererData {
  bell: BellHandle
  afterNs: number
  /** How often it was asked; -1 when it is to end. */
  asked: Int32Array
}

/**
 * A source that is fast: a thread that looks for questions all the time, and some time after each rings a bell. It does not
 * sleep, so that asking takes no system call.
 */
export class Answerer {
  readonly #asked = new Int32Array(new SharedArrayBuffer(64))
  readonly #worker: Worker

  static async start(bell: BellHandle, afterNs: number): Promise<Answerer> {
    const answerer = new Answerer(bell, afterNs)
    await once(answerer.#worker, 'message')
    return answerer
  }

  private constructor(bell: BellHandle, afterNs: number) {
    const workerData: AnswererData = { bell, afterNs, asked: this.#asked }
    this.#worker = new Worker(new URL('./answerer-thread.js', import.meta.url), { workerData })
  }

  ask(): void {
    Atomics.add(this.#asked, 0, 1)
  }

  async stop(): Promise<void> {
    Atomics.store(this.#asked, 0, -1)
    await once(this.#worker, 'exit')
  }
}
