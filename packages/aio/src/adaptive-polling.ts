import type { AioHandler, FdTable } from '@aiokit/fdmon'
import type { NotifyGate } from '@aiokit/notifier'
import { pollAdd, pollGrow, pollRemove, pollShrink, runPollHandlers, type TraceContext } from '@aiokit/trace'
import type { PollSettings } from './poll-params.ts'
import { Averaging, Growing, type PollingRule, type PollSource } from './polling-rule.ts'

/** What has been silent for so long is not looked at any more (rule P7). */
const IDLE_NS = 7e9
/**
 * A monitor that cannot be watched from userspace is asked after so many waits that polling has ended: a handler that has
 * not joined yet is not to starve behind one that is always ready (rule F10).
 */
const WAITS_WITHOUT_LOOK = 64

/** What polling must not go on past, seen without a system call. */
export interface Work {
  readonly owner: TraceContext
  readonly fds: FdTable
  readonly gate: NotifyGate
  /** Of the gate's descriptor. */
  readonly gateHandler: AioHandler
  /** Whether there is anything to be run. */
  readonly isDue: boolean
}

/**
 * Looking, for some microseconds before a loop sleeps, at what can be seen from userspace, because to be woken takes tens
 * of them: for how long, is learned from the waits before (rules P1 to P7).
 *
 * Polled for are the handlers that were ready once and have a `poll`, the context's own notification (P9), requests on the
 * ring, and where the monitor can be watched all other descriptors.
 */
export class AdaptivePolling {
  /** Nanoseconds spent polling. */
  pollingNs = 0
  /** Waits that polling has ended, and those that it has not. */
  hits = 0
  misses = 0
  /** Waits to be left to the kernel. */
  #rest = 0
  readonly #work: Work
  readonly #now: () => number
  #settings: PollSettings
  #rule: PollingRule
  #wait = 0
  /** Whether the wait has polled, and whether it found anything. */
  #hasPolled = false
  #hasFound = false
  /** The requests on the ring, as one. */
  readonly #completions: PollSource = { fd: -1, pollNs: 0, averageNs: 0, lastWait: 0 }
  /** When the first of the polled handlers may have been silent for too long. */
  #idleAt = Number.POSITIVE_INFINITY
  #withoutLook = 0

  /** @param now a clock in nanoseconds */
  constructor(work: Work, settings: PollSettings, now: () => number) {
    this.#work = work
    this.#now = now
    this.#settings = settings
    this.#rule = newRule(settings)
    work.fds.polled.add(work.gateHandler)
  }

  /** Whether the next wait is to be polled for, or something to be learned from it. Asked once before each. */
  takesPart(timeoutNs: number): boolean {
    if (this.#rest > 0) {
      if (timeoutNs !== 0) this.#rest--
      return false
    }
    return this.#settings.maxNs > 0
  }

  get settings(): PollSettings {
    return this.#settings
  }

  /** What was learned is forgotten. @throws what `pollEnd` and `poll` throw, if polling ends with this */
  configure(settings: PollSettings): void {
    this.#settings = settings
    this.#rule = newRule(settings)
    this.#rest = 0
    const { polled } = this.#work.fds
    for (const source of [...polled, this.#completions]) {
      source.pollNs = 0
      source.averageNs = 0
    }
    if (settings.maxNs === 0) polled.end()
  }

  now(): number {
    return this.#now()
  }

  /** For how long the next wait should poll, in nanoseconds; 0: not at all. */
  budgetNs(): number {
    const { monitor, polled, unpollable } = this.#work.fds
    // What only the monitor sees would wait for the end of it (P2).
    if (monitor.isWatchable !== true && unpollable > 0) return 0
    const since = this.#rule.since(++this.#wait)
    let longestNs = polled.longestNs(since)
    const { pollNs, lastWait } = this.#completions
    if (pollNs > longestNs && lastWait >= since && (monitor.inFlight ?? 0) > 0) longestNs = pollNs
    return this.#rule.budgetNs(longestNs)
  }

  /**
   * Looks until there is something to be run, or `budgetNs` have passed since `start`. Returns what is left of `timeoutNs`,
   * of which a negative one is for ever.
   *
   * @throws what callbacks that look throw; SystemError
   */
  run(start: number, budgetNs: number, timeoutNs: number): number {
    const maxNs = timeoutNs < 0 ? budgetNs : Math.min(budgetNs, timeoutNs)
    const span = runPollHandlers.hasSubscribers
      ? runPollHandlers.begin({ ctx: this.#work.owner, maxNs, timeoutNs, progress: false })
      : null
    let end = start
    try {
      end = this.#look(start, maxNs)
    } finally {
      if (timeoutNs > 0) timeoutNs = Math.max(0, timeoutNs - (end - start))
      if (span !== null) {
        span.timeoutNs = timeoutNs
        span.progress = this.#work.isDue
        runPollHandlers.end(span)
      }
    }
    return timeoutNs
  }

  #look(start: number, maxNs: number): number {
    const work = this.#work
    const { fds } = work
    const { monitor, polled } = fds
    polled.begin()
    // The kernel gets what was prepared, and what has come in the past is told from what comes now.
    if (monitor.needWait()) fds.wait(0)
    let end = start
    if (!work.isDue) {
      const deadline = start + maxNs
      do {
        const found = polled.look()
        if (monitor.needWait()) fds.waitAgain()
        if (found || work.isDue) break
        end = this.#now()
      } while (end < deadline)
    }
    if (end >= this.#idleAt) this.#retireIdle(end)
    this.pollingNs += end - start
    this.#hasPolled = true
    this.#hasFound = false
    if (work.isDue) this.#hit()
    else this.misses++
    return end
  }

  /**
   * The loop may sleep from now on (P6). Returns whether it must not, because a last look has found something.
   *
   * @throws what `pollEnd` and `poll` throw
   */
  end(): boolean {
    return this.#work.fds.polled.end()
  }

  /** A wait has ended, `waitNs` after it began to poll; negative if it was not to wait, from which nothing is learned. */
  learn(waitNs: number, now: number): void {
    const { fds, gate, gateHandler } = this.#work
    if (fds.monitor.hasPending === true) this.#learn(this.#completions, waitNs)
    if (gate.notified || gateHandler.isDue) this.#learn(gateHandler, waitNs)
    for (let each = fds.firstReady; each !== null; each = fds.nextReady(each)) {
      if (each === gateHandler) continue
      if (each.callbacks.poll === null && fds.monitor.isWatchable !== true) continue
      this.#join(each, now)
      this.#learn(each, waitNs)
    }
    if (waitNs < 0) return
    if (this.#hasPolled) this.#rule.end(this.#hasFound)
    this.#hasPolled = false
    // Who is told that we look is told when we do not (P6).
    if (!fds.polled.isPolling) this.#rest = this.#rule.rest()
  }

  #learn(source: PollSource, waitNs: number): void {
    if (waitNs < 0) return
    source.lastWait = this.#wait
    const oldNs = source.pollNs
    this.#rule.learn(source, waitNs)
    const newNs = source.pollNs
    if (newNs === oldNs) return
    const change = newNs > oldNs ? pollGrow : pollShrink
    if (change.hasSubscribers) change.publish({ ctx: this.#work.owner, fd: source.fd, oldNs, newNs })
  }

  #join(handler: AioHandler, now: number): void {
    handler.activeAt = now
    if (!this.#work.fds.polled.add(handler)) return
    this.#idleAt = Math.min(this.#idleAt, now + IDLE_NS)
    if (pollAdd.hasSubscribers) pollAdd.publish({ ctx: this.#work.owner, fd: handler.fd })
  }

  #hit(): void {
    const { fds } = this.#work
    this.hits++
    this.#hasFound = true
    if (fds.monitor.isWatchable === true || ++this.#withoutLook < WAITS_WITHOUT_LOOK) return
    this.#withoutLook = 0
    fds.wait(0)
  }

  /** Where the monitor can be watched, which sees what comes of them later. */
  #retireIdle(now: number): void {
    const { fds, gateHandler } = this.#work
    this.#idleAt = Number.POSITIVE_INFINITY
    if (fds.monitor.isWatchable !== true) return
    for (const handler of [...fds.polled]) {
      if (handler === gateHandler) continue
      const idleAt = handler.activeAt + IDLE_NS
      if (idleAt > now) {
        this.#idleAt = Math.min(this.#idleAt, idleAt)
        continue
      }
      if (pollRemove.hasSubscribers) pollRemove.publish({ ctx: this.#work.owner, fd: handler.fd })
      fds.polled.retire(handler)
    }
  }
}

function newRule(settings: PollSettings): PollingRule {
  return settings.rule === 'grow' ? new Growing(settings) : new Averaging(settings)
}
