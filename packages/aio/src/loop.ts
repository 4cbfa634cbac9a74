import { BottomHalfList, deferCallBegin, deferCallEnd, IDLE_INTERVAL_NS } from '@aiokit/bottom-halves'
import { isHosted, setCaller } from '@aiokit/callback'
import { aioError } from '@aiokit/errors'
import { type AioHandler, type FdMonitorFactory, FdTable } from '@aiokit/fdmon'
import { NotifyGate } from '@aiokit/notifier'
import { monotonicNs } from '@aiokit/sys'
import { aioPoll, aioWait } from '@aiokit/trace'
import { AdaptivePolling } from './adaptive-polling.ts'
import type { AioContext } from './aio-context.ts'
import { ContextTimers, earlier } from './context-timers.ts'
import { type Hosted, inScope, likeNode, setHosted, UNWIND } from './hosted-call.ts'
import type { PollSettings } from './poll-params.ts'

// What an iteration runs, in this order.
const BOTTOM_HALVES = 0
const COMPLETIONS = 1
const HANDLERS = 2
const TIMERS = 3
const STAGES = 4

// Of this thread: a loop never leaves the thread that made it.
let running: Loop | null = null
let depth = 0

export interface LoopOptions {
  /** Whether to count the time spent waiting. */
  measure: boolean
  aioMaxBatch: number
  poll: PollSettings
  /** The clock that polling goes by, in nanoseconds. Default CLOCK_MONOTONIC. */
  now?: () => number
}

/** A source of events for which no callback is called, but only an iteration that Node's loop has begun ends. */
export interface Guest {
  readonly handler: AioHandler
  /** It was found ready. */
  found(): void
  /** Somebody polls, whom it is not to wake. */
  suspend(): void
}

/**
 * The iteration of a context, whoever drives it: `poll()`, Node's loop (attach) or a loop around Node's (run). Waits, takes
 * notifications, and runs what is to be run, in stages of which each can be left and gone on with (rule X1).
 */
export class Loop implements Hosted {
  /** Polls that are running in this thread, one inside the other. */
  static get depth(): number {
    return depth
  }

  /** The one whose callback is running in this thread. */
  static get running(): Loop | null {
    return running
  }

  readonly owner: AioContext
  readonly gate: NotifyGate
  readonly bottomHalves: BottomHalfList
  readonly timers: ContextTimers
  readonly fds: FdTable
  readonly polling: AdaptivePolling

  /** Iterations of this loop that are running, one inside the other. */
  depth = 0
  /** Things under way that will call back, of which nothing here knows. */
  work = 0
  polls = 0
  waits = 0
  accepts = 0
  blockedNs = 0
  /** Node's loop, while this one waits for it as well. */
  guest: Guest | null = null
  /** Callbacks that Node's loop is to call are to wait: it was told to stop, or the context is closed. */
  unwinding = false

  /** Of the gate's descriptor. It is never called: an iteration takes it off the ready list and accepts. */
  readonly gateHandler: AioHandler
  readonly #measure: boolean
  /** Where the next iteration begins: after the stage in which a callback threw, so that those behind it get their turn. */
  #firstStage = BOTTOM_HALVES

  /** @throws SystemError EMFILE, ENFILE, ENOMEM; what the monitor's factory throws */
  constructor(owner: AioContext, fdmon: FdMonitorFactory, options: LoopOptions) {
    this.owner = owner
    this.#measure = options.measure
    this.gate = new NotifyGate()
    this.bottomHalves = new BottomHalfList(this.gate)
    this.timers = new ContextTimers(this.gate)
    let fds: FdTable | undefined
    try {
      fds = new FdTable(fdmon, (handler) => this.#reportClosed(handler), owner)
      this.gateHandler = fds.set(this.gate.fd, {
        read() {},
        poll: () => this.gate.notified,
        pollReady() {},
        ref: false,
      })
      this.fds = fds
      if (fds.monitor.maxBatch !== undefined) fds.monitor.maxBatch = options.aioMaxBatch
      this.polling = new AdaptivePolling(this, options.poll, options.now ?? monotonicNs)
    } catch (error) {
      fds?.close()
      this.gate.close()
      throw error
    }
  }

  /** System calls made to watch descriptors, to wait, and to take notifications. */
  get systemCalls(): number {
    return this.fds.systemCalls + this.accepts
  }

  /** Whether anything of the program's may still call back: what keeps a thread alive that Node's loop runs. */
  get hasWork(): boolean {
    const { bottomHalves, timers, fds } = this
    return (
      this.work > 0 ||
      fds.keeping > 0 ||
      bottomHalves.isReady ||
      bottomHalves.isIdleScheduled ||
      timers.isPending ||
      (fds.monitor.inFlight ?? 0) > 0 ||
      fds.hasReady ||
      fds.monitor.hasPending === true
    )
  }

  /** How long an iteration may block: 0 not at all, negative for ever. */
  timeoutNs(limit: number = Number.POSITIVE_INFINITY): number {
    if (this.bottomHalves.isReady || this.fds.hasReady || this.fds.monitor.hasPending) return 0
    let timeout = limit === Number.POSITIVE_INFINITY ? -1 : limit
    if (this.bottomHalves.isIdleScheduled) timeout = earlier(timeout, IDLE_INTERVAL_NS)
    return earlier(timeout, this.timers.deadlineNs())
  }

  /**
   * One iteration. Returns whether anything ran; a notification alone, or an idle bottom half, is nothing (rules N6, B6).
   *
   * @param limitNs longest time to wait; 0 only looks
   * @throws what a callback throws, and then the next iteration runs the rest (rule X1); SystemError
   */
  poll(limitNs: number): boolean {
    const span = aioPoll.hasSubscribers ? aioPoll.begin({ ctx: this.owner, timeoutNs: limitNs }) : null
    const parent = running
    // Also inside a callback that Node's loop calls this is a poll, and none of Node's: ticks and promises wait for its end.
    const hosted = isHosted()
    const caller = hosted ? setCaller(inScope) : null
    if (this.guest !== null) this.guest.suspend()
    running = this
    depth++
    this.depth++
    this.polls++
    try {
      this.wait(limitNs === 0 ? 0 : this.timeoutNs(limitNs))
      return this.dispatch()
    } finally {
      depth--
      this.depth--
      running = parent
      if (hosted) setCaller(caller)
      if (span !== null) aioPoll.end(span)
    }
  }

  /**
   * The part of an iteration that comes after waiting, for a host loop that has waited: callbacks are called as Node calls
   * its own, and what they throw does not come here.
   *
   * @param wait what is done first, to find what is ready
   * @throws what waiting throws
   */
  runHosted(wait: () => void): void {
    const span = aioPoll.hasSubscribers ? aioPoll.begin({ ctx: this.owner, timeoutNs: Number.NaN }) : null
    const parent = running
    const host = setHosted(this)
    const caller = setCaller(likeNode)
    this.unwinding = false
    running = this
    depth++
    this.depth++
    this.polls++
    try {
      wait()
      this.dispatch()
    } catch (error) {
      if (error !== UNWIND) throw error
    } finally {
      depth--
      this.depth--
      running = parent
      setCaller(caller)
      setHosted(host)
      if (span !== null) aioPoll.end(span)
    }
  }

  /** Waits for so long at most; 0 only looks, negative for ever. Then notifications are taken. */
  wait(timeoutNs: number): void {
    if (this.polling.takesPart(timeoutNs)) this.#waitAdaptively(timeoutNs)
    else this.#waitInKernel(timeoutNs)
    this.accept()
  }

  /** Takes notifications, before any source of events is looked at: rule N3. */
  accept(): void {
    // Who has seen it from userspace need not read the descriptor, which was not written.
    const { isPolled } = this.gateHandler
    const signalled = this.fds.takeReady(this.gateHandler) && !isPolled
    if (signalled) this.accepts++
    this.gate.accept(signalled)
    if (this.guest !== null && this.fds.takeReady(this.guest.handler)) this.guest.found()
  }

  /** Whether there is something to be run, or a notification to be taken. */
  get isDue(): boolean {
    const { bottomHalves, fds, gate } = this
    return bottomHalves.isReady || fds.hasReady || fds.monitor.hasPending === true || gate.notified
  }

  #waitInKernel(timeoutNs: number): void {
    if (timeoutNs === 0) {
      this.fds.wait(0)
      return
    }
    const span = aioWait.hasSubscribers ? aioWait.begin({ ctx: this.owner, timeoutNs }) : null
    this.waits++
    // After the timeout was computed, before notifications are looked at: rule N2.
    const maySleep = this.gate.beginWait()
    const start = this.#measure ? monotonicNs() : 0
    try {
      this.fds.wait(maySleep ? timeoutNs : 0)
    } finally {
      this.gate.endWait()
      if (this.#measure) this.blockedNs += monotonicNs() - start
      if (span !== null) aioWait.end(span)
    }
  }

  /** Polls before it sleeps, if it has learned that this pays (rules P). */
  #waitAdaptively(timeoutNs: number): void {
    const { polling } = this
    const start = polling.now()
    if (timeoutNs === 0 || this.fds.polled.isLooking) {
      this.#waitInKernel(timeoutNs)
      polling.learn(-1, start)
      return
    }
    const budgetNs = polling.budgetNs()
    if (budgetNs > 0) timeoutNs = polling.run(start, budgetNs, timeoutNs)
    if (!this.isDue) {
      // What looks may have armed a timer.
      timeoutNs = earlier(timeoutNs, this.timeoutNs())
      this.#waitInKernel(timeoutNs !== 0 && polling.end() ? 0 : timeoutNs)
    }
    const end = polling.now()
    polling.learn(end - start, end)
  }

  /** Runs what is to be run. Returns whether it was anything that counts. */
  dispatch(): boolean {
    const first = this.depth === 1 ? this.#firstStage : BOTTOM_HALVES
    let stage = first
    let progress = false
    try {
      do {
        if (this.#runStage(stage)) progress = true
        stage = (stage + 1) % STAGES
      } while (stage !== first)
    } catch (error) {
      this.#firstStage = (stage + 1) % STAGES
      throw error
    }
    this.#firstStage = BOTTOM_HALVES
    return progress
  }

  #runStage(stage: number): boolean {
    switch (stage) {
      case BOTTOM_HALVES:
        return this.bottomHalves.run()
      case COMPLETIONS:
        return this.fds.monitor.hasPending ? this.#complete() : false
      case HANDLERS:
        return this.fds.dispatch()
      case TIMERS:
        return this.timers.run()
      default:
        return false
    }
  }

  /** Completions come in batches: what each of them asks for once is done once, at the end (rule B10). */
  #complete(): boolean {
    deferCallBegin()
    try {
      return this.fds.monitor.dispatch!()
    } finally {
      deferCallEnd()
    }
  }

  #reportClosed(handler: AioHandler): void {
    const { name } = this.owner
    if (handler === this.gateHandler) {
      this.gate.abandon()
      throw aioError(
        'ERR_AIO_NOTIFIER_LOST',
        `Other code closed descriptor ${handler.fd}, which context "${name}" is woken through: close the context and make a new one.`,
      )
    }
    process.emitWarning(
      `File descriptor ${handler.fd} was closed while context "${name}" watched it; its handler was dropped.`,
      {
        type: 'AioWarning',
        code: 'AIOKIT_FD_CLOSED',
        detail: `Call setFdHandler(${handler.fd}, null) before closing the descriptor.`,
      },
    )
  }
}
