import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** What became of one kind of request; latencies in nanoseconds. */
export interface Measured {
  readonly requests: number
  readonly bytes: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Counts requests of one kind and how long they took, to three digits. */
export class Meter {
  #requests = 0
  #bytes = 0
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: 3600e9, figures: 3 })

  record(bytes: number, ns: number): void {
    this.#requests++
    this.#bytes += bytes
    this.#histogram.record(Math.max(1, Math.round(ns)))
  }

  get measured(): Measured {
    const histogram = this.#histogram
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      p50: histogram.percentile(50),
      p90: histogram.percentile(90),
      p99: histogram.percentile(99),
      p999: histogram.percentile(99.9),
      max: this.#requests === 0 ? 0 : histogram.max,
    }
  }
}
