import { type AioHandler, type FdMonitor, IN, type ReadyList } from '@aiokit/fdmon'
import type { AioContext } from '../src/index.ts'
import { Loop } from '../src/loop.ts'
import type { PollSettings } from '../src/poll-params.ts'
import type { Doorbell } from './doorbell.ts'

/** Each look at the clock takes so long. */
export const LOOK_NS = 100

/** A monitor whose waits are told beforehand: they take no time of this world's. */
class SimulatedMonitor implements FdMonitor {
  readonly name = 'poll'
  readonly backendFd = -1
  readonly systemCalls = 0
  readonly isWatchable: boolean
  readonly timeouts: number[] = []
  readonly #simulation: Simulation

  constructor(simulation: Simulation, isWatchable: boolean) {
    this.#simulation = simulation
    this.isWatchable = isWatchable
  }

  update(handler: AioHandler, events: number): void {
    handler.events = events
  }

  wait(ready: ReadyList, timeoutNs: number): void {
    const { next } = this.#simulation
    this.timeouts.push(timeoutNs)
    if (timeoutNs !== 0) this.#simulation.clock = Math.max(this.#simulation.clock, next.at)
    if (this.#simulation.clock < next.at) return
    for (const handler of next.handlers) ready.add(handler, IN)
    next.handlers = []
    next.at = Number.POSITIVE_INFINITY
  }

  needWait(): boolean {
    return this.isWatchable && this.#simulation.clock >= this.#simulation.next.at
  }

  prepare(): boolean {
    return false
  }

  check(): boolean {
    return false
  }

  collect(): void {}

  close(): void {}
}

/** A loop with a clock of its own, moved by looking at it and by what its monitor is told to bring. */
export class Simulation implements Disposable {
  clock = 0
  clockReads = 0
  /** Whom the monitor finds ready, and when. */
  next: { handlers: AioHandler[]; at: number } = { handlers: [], at: Number.POSITIVE_INFINITY }
  readonly monitor: SimulatedMonitor
  readonly loop: Loop

  constructor(poll: PollSettings, { isWatchable = false } = {}) {
    this.monitor = new SimulatedMonitor(this, isWatchable)
    this.loop = new Loop({ name: 'simulated' } as AioContext, () => this.monitor, {
      measure: false,
      aioMaxBatch: 0,
      poll,
      now: () => {
        this.clockReads++
        this.clock += LOOK_NS
        return this.clock
      },
    })
  }

  /** Watches a bell, which has been ready once. */
  watch(bell: Doorbell): AioHandler {
    const handler = this.loop.fds.set(bell.fd, bell.handlers)
    this.next = { handlers: [handler], at: this.clock }
    this.loop.poll(0)
    bell.log.length = 0
    this.monitor.timeouts.length = 0
    return handler
  }

  /** A blocking iteration, during which these descriptors get ready, so long after it began. */
  wait(handlers: AioHandler[], afterNs: number, limitNs: number = Number.POSITIVE_INFINITY): void {
    // The iteration begins with a look at the clock.
    this.next = { handlers, at: this.clock + LOOK_NS + afterNs }
    this.loop.poll(limitNs)
  }

  [Symbol.dispose](): void {
    this.loop.fds.close()
    this.loop.gate.close()
  }
}
