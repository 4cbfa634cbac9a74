import { type AioHandler, IN, type ReadyList } from '@aiokit/fdmon'
import type { AioContext } from '../src/index.ts'
import { Loop } from '../src/loop.ts'
import type { PollSettings } from '../src/poll-params.ts'
import type { Doorbell } from './doorbell.ts'
import { IdleMonitor } from './idle-monitor.ts'

/** Each look at the clock takes so long. */
export const LOOK_NS = 100

/** A monitor whose waits are told beforehand: they take no time of this world's. */
class SimulatedMonitor extends IdleMonitor {
  readonly isWatchable: boolean
  readonly #simulation: Simulation

  constructor(simulation: Simulation, isWatchable: boolean) {
    super()
    this.#simulation = simulation
    this.isWatchable = isWatchable
  }

  override wait(ready: ReadyList, timeoutNs: number): void {
    super.wait(ready, timeoutNs)
    const { next } = this.#simulation
    if (timeoutNs !== 0) this.#simulation.clock = Math.max(this.#simulation.clock, next.at)
    if (this.#simulation.clock < next.at) return
    for (const handler of next.handlers) ready.add(handler, IN)
    next.handlers = []
    next.at = Number.POSITIVE_INFINITY
  }

  override needWait(): boolean {
    return this.isWatchable && this.#simulation.clock >= this.#simulation.next.at
  }
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
