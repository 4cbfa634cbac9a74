import type { BellHandle } from './ringer.ts'
import { SourceThread } from './source-thread.ts'

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
  readonly #thread: SourceThread
  readonly #asked: Int32Array

  static async start(bell: BellHandle, afterNs: number): Promise<Answerer> {
    const asked = new Int32Array(new SharedArrayBuffer(64))
    const data: AnswererData = { bell, afterNs, asked }
    return new Answerer(
      await SourceThread.start(new URL('./answerer-thread.js', import.meta.url), data),
      asked,
    )
  }

  private constructor(thread: SourceThread, asked: Int32Array) {
    this.#thread = thread
    this.#asked = asked
  }

  ask(): void {
    Atomics.add(this.#asked, 0, 1)
  }

  async stop(): Promise<void> {
    Atomics.store(this.#asked, 0, -1)
    await this.#thread.ended()
  }
}
