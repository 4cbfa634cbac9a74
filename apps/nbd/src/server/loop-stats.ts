import { type AioContext, type AioStats, sys } from 'aiokit'

/** What a loop, or several of them together, have done since each one's first client came. */
export interface LoopStats extends AioStats {
  /** Requests of clients that were taken up. */
  requests: number
  /** Nanoseconds that have passed, for several loops those of each. */
  elapsedNs: number
  /** As of `AioStats`; 0 if the context does not measure it. */
  blockedNs: number
}

const NONE: Readonly<LoopStats> = {
  requests: 0,
  elapsedNs: 0,
  polls: 0,
  waits: 0,
  systemCalls: 0,
  eventfdWrites: 0,
  eventfdWritesAvoided: 0,
  bottomHalves: 0,
  dispatches: 0,
  completions: 0,
  pollHits: 0,
  pollMisses: 0,
  pollingNs: 0,
  blockedNs: 0,
}
const KEYS = Object.keys(NONE) as (keyof LoopStats)[]

export function sumOf(all: readonly LoopStats[]): LoopStats {
  const sum = { ...NONE }
  for (const each of all) for (const key of KEYS) sum[key] += each[key]
  return sum
}

/** Counts what a loop does for its clients: what it did before there were any is left out, being idle most of all. */
export class LoopMeter {
  /** Requests of clients that were taken up. */
  requests = 0
  readonly #ctx: AioContext
  #base: LoopStats | null = null

  constructor(ctx: AioContext) {
    this.#ctx = ctx
  }

  /** A client has come. */
  start(): void {
    this.#base ??= this.#read()
  }

  stats(): LoopStats {
    const stats = { ...NONE }
    if (this.#base === null) return stats
    const now = this.#read()
    for (const key of KEYS) stats[key] = now[key] - this.#base[key]
    return stats
  }

  #read(): LoopStats {
    const stats = this.#ctx.stats()
    return {
      ...stats,
      blockedNs: stats.blockedNs ?? 0,
      requests: this.requests,
      elapsedNs: sys.monotonicNs(),
    }
  }
}
