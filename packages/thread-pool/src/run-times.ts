import { createHistogram, type Histogram } from 'node:perf_hooks'

/** How long requests have waited for a thread and how long they ran, in ns. */
export class RunTimes {
  readonly #wait = createHistogram()
  readonly #run = createHistogram()

  get wait(): Histogram {
    return this.#wait
  }

  get run(): Histogram {
    return this.#run
  }

  record(submittedNs: number, startedNs: number, endedNs: number): void {
    // A histogram begins at 1.
    this.#wait.record(Math.max(1, Math.round(startedNs - submittedNs)))
    this.#run.record(Math.max(1, Math.round(endedNs - startedNs)))
  }
}
