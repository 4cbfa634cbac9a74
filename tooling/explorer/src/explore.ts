import { type Access, isQuiet } from './access.ts'
import type { Machine, ThreadApi } from './machine.ts'
import { apply, isEnabled, Race, State } from './state.ts'

/** How an interleaving ended: every thread has ended, sleeps for ever or was terminated. */
export interface End {
  /** By thread, whether it has come to its end. */
  readonly ended: readonly boolean[]
  /** By thread, what it has noted. */
  readonly records: readonly (readonly unknown[])[]
}

/** Threads over the same memory, and what must hold. `E` is what they share. */
export interface Scenario<E = unknown> {
  /** Names of the threads, in the order of `bodies`. */
  readonly threads: readonly string[]
  /** Makes what the threads share, before they begin. It is run again and again, and has to do the same each time. */
  readonly setup: () => E
  /** What each thread does. A thread may change nothing outside of the simulated memory that another one looks at. */
  readonly bodies: readonly ((env: E, api: ThreadApi) => void)[]
  /** Numbers of threads that may be terminated anywhere: where only they would go on is an end as well. */
  readonly mortal?: readonly number[]
  /** Says what is wrong with an end; undefined if nothing is. */
  readonly check: (end: End) => string | undefined
}

/** For the type: what the threads share is nobody else's business. */
export function scenario<E>(of: Scenario<E>): Scenario {
  return of as unknown as Scenario
}

interface Violation {
  readonly message: string
  /** Which thread made each step. */
  readonly schedule: readonly number[]
}

export interface Exploration {
  /** The shortest interleaving that goes wrong; null if none does. */
  readonly violation: Violation | null
  /** Interleavings that were covered; not the number of runs, since those that have come to the same state go on together. */
  readonly interleavings: number
  readonly states: number
  /** Accesses of the longest one. */
  readonly longest: number
}

/** Accesses of one thread after which it is taken to go on for ever. */
const LIMIT = 100
/** States of one level, beyond which a scenario is too large to be explored. */
const MAX_LEVEL = 400_000

/** A thread at a point: all that it does follows from the results of its accesses, so it is reached by them. */
interface Point {
  readonly id: number
  readonly results: readonly number[]
  readonly next: Access | null
  readonly records: readonly unknown[]
  readonly error: unknown
  readonly children: Map<number, Point>
}

interface Step {
  readonly before: Step | null
  readonly thread: number
}

interface Node {
  readonly points: readonly Point[]
  readonly state: State
  readonly last: Step | null
  /** Interleavings that lead here. */
  paths: number
}

/**
 * Tries every order of the accesses of a scenario's threads.
 *
 * The search goes by levels, one access each: what two interleavings have in common, memory and all that the threads
 * have read, is explored once. The first violation found is therefore a shortest one.
 */
export function explore<E>(machine: Machine, scenario: Scenario<E>): Exploration {
  const { setup, bodies, threads, mortal = [] } = scenario
  let ids = 0
  const point = (thread: number, results: readonly number[]): Point => {
    const { next, records, error } = machine.run(setup, bodies[thread]!, results, { threads: threads.length })
    return { id: ids++, results, next, records, error, children: new Map() }
  }
  const advance = (thread: number, from: Point, result: number): Point => {
    let to = from.children.get(result)
    if (to === undefined) {
      to = point(thread, [...from.results, result])
      from.children.set(result, to)
    }
    return to
  }
  const first = bodies.map((_, thread) => point(thread, []))
  const initial = new Map(machine.memory)

  /** Makes the accesses that need no turn of their own. */
  const settle = (state: State, thread: number, from: Point): Point => {
    while (from.next !== null && isQuiet(from.next) && from.results.length < LIMIT)
      from = advance(thread, from, apply(state, initial, thread, from.next))
    return from
  }

  const start = new State(threads.length)
  const root: Node = {
    points: first.map((from, thread) => settle(start, thread, from)),
    state: start,
    last: null,
    paths: 1,
  }
  let level = new Map<string, Node>([['', root]])
  let interleavings = 0
  let states = 0
  let depth = 0
  const stop = (message: string, last: Step | null): Exploration => ({
    violation: { message, schedule: unwind(last) },
    interleavings,
    states,
    longest: depth,
  })
  for (; ; depth++) {
    states += level.size
    if (level.size > MAX_LEVEL) throw new Error(`The scenario is too large: ${level.size} states are open`)
    const following = new Map<string, Node>()
    for (const { points, state, last, paths } of level.values()) {
      let sleeps = true
      let goesOn = false
      for (let thread = 0; thread < points.length; thread++) {
        const from = points[thread]!
        if (from.error !== null) return stop(`${threads[thread]} threw ${from.error}`, last)
        if (from.next === null || !isEnabled(state, initial, from.next)) continue
        if (!mortal.includes(thread)) sleeps = false
        goesOn = true
        const step: Step = { before: last, thread }
        if (from.results.length >= LIMIT) return stop(`${threads[thread]} never comes to rest`, last)
        const after = state.copy()
        let to: Point
        try {
          to = settle(after, thread, advance(thread, from, apply(after, initial, thread, from.next)))
        } catch (error) {
          if (!(error instanceof Race)) throw error
          const word = machine.nameOf(error.address)
          return stop(`data race of ${threads[thread]} with ${threads[error.other]} on ${word}`, step)
        }
        const reached = points.with(thread, to)
        const key = keyOf(reached, after)
        const known = following.get(key)
        if (known === undefined) following.set(key, { points: reached, state: after, last: step, paths })
        else known.paths += paths
      }
      if (!sleeps) continue
      if (!goesOn) interleavings += paths
      const wrong = scenario.check({
        ended: points.map(({ next }) => next === null),
        records: points.map(({ records }) => records),
      })
      if (wrong !== undefined) return stop(wrong, last)
    }
    if (following.size === 0) return { violation: null, interleavings, states, longest: depth }
    level = following
  }
}

function keyOf(points: readonly Point[], state: State): string {
  const numbers: number[] = []
  for (const { id } of points) numbers.push(id)
  state.addKey(numbers)
  // Two characters each: there may be more than 65,536 of a kind.
  const codes: number[] = []
  for (const number of numbers) codes.push(number & 0xffff, number >>> 16)
  return String.fromCharCode(...codes)
}

function unwind(last: Step | null): number[] {
  const schedule: number[] = []
  for (let step = last; step !== null; step = step.before) schedule.push(step.thread)
  return schedule.reverse()
}
