import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** The thread of a source of events. */
export class SourceThread {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** When it says that it has begun. */
  static async start(program: URL, workerData: object): Promise<SourceThread> {
    const worker = new Worker(program, { workerData })
    await once(worker, 'message')
    return new SourceThread(worker)
  }

  /** When it has been told to end. */
  async ended(): Promise<void> {
    await once(this.#worker, 'exit')
  }
}
