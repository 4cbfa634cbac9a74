import type { PollSettings } from './poll-params.ts'

/** Something that is polled for, and what was learned of it. */
export interface PollSource {
  /** -1: the requests on the ring. */
  readonly fd: number
  /** For how long a wait polls for it, in nanoseconds. */
  pollNs: number
  /** How long the waits took that it ended, lately, in nanoseconds. */
  averageNs: number
  /** The number of the last wait that it has ended. */
  lastWait: number
}

/** For how long to poll, learned from how long the waits took and what has ended them (rule P4). */
export interface PollingRule {
  /** The number of a wait, in the past of wait `wait`, since which a source must have ended one to count. */
  since(wait: number): number
  /** For how long the next wait polls, if `longestNs` is the longest time of the sources that count. */
  budgetNs(longestNs: number): number
  /** A wait that took `waitNs`, polling and sleep, was ended by `source`. */
  learn(source: PollSource, waitNs: number): void
  /** After a wait that has polled: whether it found anything. */
  end(hasFound: boolean): void
  /** After a wait: how many of the next ones to leave to the kernel, and learn nothing from them. */
  rest(): number
}

/** The polling time that is grown from 0. */
const FIRST_NS = 4000

/**
 * The rule of the original: a source's time grows when polling for longer would have paid, and shrinks when the wait took
 * longer than polling ever may.
 */
export class Growing implements PollingRule {
  readonly #settings: PollSettings

  constructor(settings: PollSettings) {
    this.#settings = settings
  }

  since(): number {
    return 0
  }

  budgetNs(longestNs: number): number {
    return longestNs
  }

  learn(source: PollSource, waitNs: number): void {
    const { maxNs, grow, shrink } = this.#settings
    // Then polling was long enough.
    if (waitNs <= source.pollNs) return
    if (waitNs > maxNs) source.pollNs = shrink === 0 ? 0 : source.pollNs / shrink
    else if (waitNs < maxNs && source.pollNs < maxNs)
      source.pollNs = Math.min(source.pollNs === 0 ? FIRST_NS : source.pollNs * grow, maxNs)
  }

  end(): void {}

  rest(): number {
    return 0
  }
}

/** A source that has not ended one of so many waits is not expected. */
const RECENT_WAITS = 16
/** Of what is new in an average: one eighth. */
const WEIGHT = 1 / 8
/** Twice the average is polled for, which most waits do not exceed, and at least this. */
const LEAST_NS = 4000
/** Polling is for who finds something so often: a time in vain costs as much as it saves when it is not. */
const LEAST_FOUND = 1 / 16
/** Between probes. Odd numbers: sources that take turns are all met. */
const FIRST_PROBE = 15
const LAST_PROBE = 1023
/** After so many waits in a row that were too long to be polled for, */
const REST_AFTER = 16
/** so many are not looked at for each that is. */
const REST = 7

/**
 * Each source has an average of the waits that it has ended, and is polled for while that is less than polling may take, and
 * while polling finds something often enough.
 *
 * A wait that has slept says little of when the event came: to be woken takes as long as polling may, and where there are
 * too few processors it is the polling that keeps the other side from going on. So now and then, and ever more seldom as
 * long as it is in vain, a wait polls for as long as it may, to see what would be found.
 *
 * Even to look at the clock costs who is slow: what runs seldom is in no cache. As long as all waits are long, most of them are
 * not looked at.
 */
export class Averaging implements PollingRule {
  readonly #maxNs: number
  /** What the wait would have polled for, were it no probe. */
  #usualNs = 0
  #isProbe = false
  #isWorthIt = false
  #probeEvery = FIRST_PROBE
  #probeIn = FIRST_PROBE
  /** How many of the last times found something, from 0 to 1. At first as if half of them had. */
  #found = 1 / 2
  /** Waits in a row that were too long. */
  #long = 0

  constructor({ maxNs }: PollSettings) {
    this.#maxNs = maxNs
  }

  since(wait: number): number {
    return wait - RECENT_WAITS
  }

  budgetNs(longestNs: number): number {
    this.#usualNs = this.#found < LEAST_FOUND ? 0 : longestNs
    this.#isProbe = --this.#probeIn <= 0
    if (this.#usualNs > 0) this.#long = 0
    else this.#long++
    return this.#isProbe ? this.#maxNs : this.#usualNs
  }

  learn(source: PollSource, waitNs: number): void {
    const maxNs = this.#maxNs
    if (waitNs <= maxNs) this.#long = 0
    if (this.#isProbe && waitNs > this.#usualNs && waitNs <= maxNs) {
      source.averageNs = waitNs
      this.#isWorthIt = true
    } else {
      // One long wait among short ones is not to end it.
      source.averageNs += (Math.min(waitNs, 2 * maxNs) - source.averageNs) * WEIGHT
    }
    const { averageNs } = source
    source.pollNs = averageNs >= maxNs ? 0 : Math.min(Math.max(2 * averageNs, LEAST_NS), maxNs)
  }

  end(hasFound: boolean): void {
    if (!this.#isProbe) {
      this.#found += (Number(hasFound) - this.#found) * WEIGHT
      return
    }
    const isWorthIt = this.#isWorthIt && hasFound
    if (isWorthIt) this.#found = Math.max(this.#found, 1 / 2)
    this.#probeEvery = isWorthIt ? FIRST_PROBE : Math.min(2 * this.#probeEvery + 1, LAST_PROBE)
    this.#probeIn = this.#probeEvery
    this.#isProbe = false
    this.#isWorthIt = false
  }

  rest(): number {
    if (this.#long < REST_AFTER) return 0
    this.#probeIn -= REST
    return REST
  }
}
