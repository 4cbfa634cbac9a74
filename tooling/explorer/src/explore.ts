import { isQuiet } from './access.ts'
import type { Machine, ThreadApi } from './machine.ts'
import { type Point, Points } from './points.ts'
import { Sharing } from './sharing.ts'
import { apply, isEnabled, isParked, Race, State } from './state.ts'

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
  /**
   * Numbers of threads that may be terminated anywhere. One that has a lifeline hangs it up then; where only others of
   * them would go on is an end as well.
   */
  readonly mortal?: readonly number[]
  /**
   * Whether data races are looked for; default true. They are the same where the same code is run by fewer threads, and
   * without them there are several times fewer states.
   */
  readonly findsRaces?: boolean
  /** Accesses of one thread after which it is taken to go on for ever; default 100. */
  readonly limit?: number
  /** Says what is wrong with an end; undefined if nothing is. */
  readonly check: (end: End) => string | undefined
}

/** For the type: what the threads share is nobody else's business. */
export function scenario<E>(of: Scenario<E>): Scenario {
  return of as unknown as Scenario
}

interface Violation {
  readonly message: string
  /** Which thread made each step; `~thread` where it was terminated. */
  readonly schedule: readonly number[]
}

export interface Exploration {
  /** The shortest interleaving that goes wrong; null if none does. */
  readonly violation: Violation | null
  /** Interleavings that were covered, round trips left out; not the number of runs, since those that have come to the same state go on together. */
  readonly interleavings: number
  readonly states: number
  /** Accesses of the longest one. */
  readonly longest: number
  /** Words that one thread writes and another one accesses. */
  readonly shared: ReadonlySet<number>
}

const LIMIT = 100
/** States of one level, beyond which a scenario is too large to be explored. */
const MAX_LEVEL = 400_000

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
  const points = new Points(machine, scenario)
  const sharing = new Sharing()
  for (;;) {
    const exploration = search(machine, scenario, points, sharing)
    if (!sharing.takeNews()) return exploration
  }
}

/** To be done anew if a word turns out to be shared that was not taken to be. */
function search<E>(
  machine: Machine,
  { check, threads, mortal = [], limit = LIMIT, findsRaces = true }: Scenario<E>,
  known: Points<E>,
  sharing: Sharing,
): Exploration {
  const { first, initial } = known
  const { shared } = sharing

  /** Makes the accesses that need no turn of their own. */
  const settle = (state: State, thread: number, from: Point): Point => {
    // Not for ever: a thread may come to where it was.
    for (let i = 0; i < limit && from.next !== null && isQuiet(from.next, shared); i++) {
      if (from.results.length >= limit) break
      sharing.note(thread, from.next)
      from = known.advance(thread, from, apply(state, initial, thread, from.next))
    }
    return from
  }

  let level = new Map<string, Node>()
  /** Only if threads may come to where they were: else the same state is always as many steps away. */
  const visited = new Set<string>()
  let interleavings = 0
  let states = 0
  let depth = 0
  const stop = (message: string, last: Step | null): Exploration => ({
    violation: { message, schedule: unwind(last) },
    interleavings,
    states,
    longest: depth,
    shared,
  })
  const race = (thread: number, { address, other }: Race, last: Step | null): Exploration =>
    stop(`data race of ${threads[thread]} with ${threads[other]} on ${machine.nameOf(address)}`, last)

  const start = new State(threads.length, findsRaces)
  const points: Point[] = []
  for (const [thread, from] of first.entries()) {
    try {
      points.push(settle(start, thread, from))
    } catch (error) {
      if (!(error instanceof Race)) throw error
      return race(thread, error, null)
    }
  }
  level.set('', { points, state: start, last: null, paths: 1 })
  for (; ; depth++) {
    states += level.size
    if (level.size > MAX_LEVEL) throw new Error(`The scenario is too large: ${level.size} states are open`)
    const following = new Map<string, Node>()
    const reach = (points: readonly Point[], state: State, last: Step, paths: number): void => {
      const key = keyOf(points, state)
      if (known.mayRepeat) {
        if (visited.has(key) && !following.has(key)) return
        visited.add(key)
      }
      const node = following.get(key)
      if (node === undefined) following.set(key, { points, state, last, paths })
      else node.paths += paths
    }
    for (const { points, state, last, paths } of level.values()) {
      let sleeps = true
      let goesOn = false
      for (let thread = 0; thread < points.length; thread++) {
        const from = points[thread]!
        if (from.error !== null) return stop(`${threads[thread]} threw ${from.error}`, last)
        if (from.next !== null && from.lifeline !== null && mortal.includes(thread)) {
          const after = state.copy()
          apply(after, initial, thread, { op: 'eventfdWrite', address: from.lifeline, a: 1, b: 0 })
          reach(
            points.with(thread, known.grave(thread, from)),
            after,
            { before: last, thread: ~thread },
            paths,
          )
        }
        if (from.next === null) continue
        // Nothing may depend on a sleep that ends by itself, nor on who may be terminated going on.
        const endsByItself = from.next.a === 1 && isParked(state, thread, from.next)
        if (!endsByItself && !isEnabled(state, initial, thread, from.next)) continue
        if (!endsByItself && (from.lifeline !== null || !mortal.includes(thread))) sleeps = false
        goesOn = true
        const step: Step = { before: last, thread }
        if (from.results.length >= limit) return stop(`${threads[thread]} never comes to rest`, last)
        const after = state.copy()
        let to: Point
        try {
          sharing.note(thread, from.next)
          to = settle(after, thread, known.advance(thread, from, apply(after, initial, thread, from.next)))
        } catch (error) {
          if (!(error instanceof Race)) throw error
          return race(thread, error, step)
        }
        reach(points.with(thread, to), after, step, paths)
      }
      if (!sleeps) continue
      if (!goesOn) interleavings += paths
      const wrong = check({
        ended: points.map(({ next }) => next === null),
        records: points.map(({ records }) => records),
      })
      if (wrong !== undefined) return stop(wrong, last)
    }
    if (following.size === 0 || sharing.hasNews)
      return { violation: null, interleavings, states, longest: depth, shared }
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
