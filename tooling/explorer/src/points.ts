import type { Access } from './access.ts'
import type { Scenario } from './explore.ts'
import type { Machine } from './machine.ts'

/** A thread at a point: all that it does follows from the results of its accesses, so it is reached by them. */
export interface Point {
  readonly id: number
  readonly results: readonly number[]
  readonly next: Access | null
  readonly records: readonly unknown[]
  readonly error: unknown
  /** Null also where it was terminated already. */
  readonly lifeline: number | null
  readonly children: Map<number, Point>
}

/** All points that the threads of a scenario have been at. */
export class Points<E> {
  /** Of each thread. */
  readonly first: readonly Point[]
  /** Whether a thread may come to where it was. */
  get mayRepeat(): boolean {
    return this.#known.size > 0
  }

  /** What the setup leaves in memory. */
  readonly initial: ReadonlyMap<number, number>
  readonly #machine: Machine
  readonly #scenario: Scenario<E>
  readonly #graves: Map<string, Point> = new Map()
  /** Those about which the thread has said where it is. */
  readonly #known: Map<string, Point> = new Map()
  #count = 0

  constructor(machine: Machine, scenario: Scenario<E>) {
    this.#machine = machine
    this.#scenario = scenario
    this.first = scenario.bodies.map((_, thread) => this.#make(thread, []))
    this.initial = new Map(machine.memory)
  }

  /** Where the thread is when its access has given `result`. */
  advance(thread: number, from: Point, result: number): Point {
    let to = from.children.get(result)
    if (to === undefined) {
      to = this.#make(thread, [...from.results, result])
      from.children.set(result, to)
    }
    return to
  }

  /** Where a thread is that was terminated. All that matters of what it did is what it has noted. */
  grave(thread: number, from: Point): Point {
    const key = JSON.stringify([thread, from.records])
    let to = this.#graves.get(key)
    if (to === undefined) {
      to = { ...from, id: this.#count++, next: null, lifeline: null }
      this.#graves.set(key, to)
    }
    return to
  }

  #make(thread: number, results: readonly number[]): Point {
    const { setup, bodies, threads } = this.#scenario
    const run = this.#machine.run(setup, bodies[thread]!, results, { threads: threads.length })
    const { next, records, error, lifeline, at } = run
    const key = at === null || error !== null ? null : JSON.stringify([thread, at, records])
    const known = key === null ? undefined : this.#known.get(key)
    if (known !== undefined) return known
    const point = { id: this.#count++, results, next, records, error, lifeline, children: new Map() }
    if (key !== null) this.#known.set(key, point)
    return point
  }
}
