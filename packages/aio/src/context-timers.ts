import type { NotifyGate } from '@aiokit/notifier'
import { type Clock, type Timer, TimerList } from '@aiokit/timers'

/** The timers of one context: a list for each clock that it has been asked for. */
export class ContextTimers {
  readonly #gate: NotifyGate
  readonly #byClock: Map<Clock, TimerList> = new Map<Clock, TimerList>()
  /** The same lists, to walk without an iterator. */
  readonly #lists: TimerList[] = []

  constructor(gate: NotifyGate) {
    this.#gate = gate
  }

  create(clock: Clock, callback: () => void): Timer {
    let list = this.#byClock.get(clock)
    if (list === undefined) {
      list = new TimerList(clock, { notify: () => this.#gate.nudge(), wakeFd: this.#gate.fd })
      this.#byClock.set(clock, list)
      this.#lists.push(list)
    }
    return list.createTimer(callback)
  }

  /** Whether any is armed. */
  get isPending(): boolean {
    return this.#lists.some((list) => list.isPending)
  }

  /** Nanoseconds until the first is due: 0 now, negative never. */
  deadlineNs(): number {
    let nearest = -1
    for (let i = 0; i < this.#lists.length; i++) nearest = earlier(nearest, this.#lists[i]!.deadlineNs())
    return nearest
  }

  /**
   * Runs what is due. Returns whether there was any.
   *
   * @throws what a callback throws; the rest is run by the next call
   */
  run(): boolean {
    let progress = false
    for (let i = 0; i < this.#lists.length; i++) progress = this.#lists[i]!.run() || progress
    return progress
  }

  close(): void {
    for (const list of this.#lists) list.close()
  }
}

/** The earlier of two timeouts, of which a negative one means never. */
export function earlier(a: number, b: number): number {
  if (a < 0) return b
  return b < 0 ? a : Math.min(a, b)
}
