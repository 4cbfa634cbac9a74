import { type Access, isQuiet } from './access.ts'
import type { Exploration, Scenario } from './explore.ts'
import type { Program } from './load.ts'
import type { Machine } from './machine.ts'
import { apply, Race, State, valueAt } from './state.ts'

/** The interleaving that went wrong, a line for each access: the thread, where it is in the code, what it did. */
export function counterexample<E>(
  program: Program,
  machine: Machine,
  scenario: Scenario<E>,
  { violation, shared }: Exploration,
): string {
  if (violation === null) return 'Nothing went wrong.'
  const { threads, setup, bodies, findsRaces = true } = scenario
  const results: number[][] = threads.map(() => [])
  const state = new State(threads.length, findsRaces)
  const look = (thread: number) =>
    machine.run(setup, bodies[thread]!, results[thread]!, { threads: threads.length, traced: true })
  look(0)
  const initial = new Map(machine.memory)
  const lines: string[][] = []

  /** Makes the next access of a thread; returns whether it went well. */
  const step = (thread: number): boolean => {
    const { next, stacks } = look(thread)
    if (next === null) throw new Error('The scenario does not do the same each time')
    const place = program.locate(stacks.at(-1)!)
    const line = [
      `${lines.length + 1}`,
      threads[thread]!,
      place ?? (isQuiet(next, shared) ? '' : 'scenario'),
      describe(machine, state, initial, next),
    ]
    lines.push(line)
    try {
      const result = apply(state, initial, thread, next)
      results[thread]!.push(result)
      line[3] += after(state, initial, next, result)
      return true
    } catch (error) {
      if (!(error instanceof Race)) throw error
      line[3] += '  <- the race'
      return false
    }
  }
  const dead = new Set<number>()
  const terminate = (thread: number): boolean => {
    dead.add(thread)
    lines.push([`${lines.length + 1}`, threads[thread]!, '', 'is terminated'])
    apply(state, initial, thread, { op: 'eventfdWrite', address: look(thread).lifeline!, a: 1, b: 0 })
    return true
  }
  const quiet = (thread: number): boolean => {
    for (;;) {
      const { next } = look(thread)
      if (next === null || !isQuiet(next, shared)) return true
      if (!step(thread)) return false
    }
  }
  // A race is the end of it.
  if (threads.every((_, thread) => quiet(thread)))
    violation.schedule.every((thread) => (thread < 0 ? terminate(~thread) : step(thread) && quiet(thread)))
  const ends = threads.map((name, thread) => {
    const { next, records, error } = look(thread)
    const noted = records.length === 0 ? '' : `; noted ${JSON.stringify(records)}`
    if (error !== null) return `${name} threw ${error}${noted}`
    if (dead.has(thread)) return `${name} was terminated${noted}`
    if (next === null) return `${name} has ended${noted}`
    return `${name} is at: ${describe(machine, state, initial, next)}${noted}`
  })
  return [violation.message, '', ...table(['', 'thread', 'where', 'access'], lines), '', ...ends].join('\n')
}

function describe(
  machine: Machine,
  state: State,
  initial: ReadonlyMap<number, number>,
  access: Access,
): string {
  const name = machine.nameOf(access.address)
  switch (access.op) {
    case 'publish':
      return 'publishes something'
    case 'observe':
      return 'looks at what was published'
    case 'wait': {
      const set = access.all!.filter((address) => valueAt(state, initial, address) > 0)
      const how = access.a === 1 ? 'sleeps' : 'looks'
      return `${how} on ${access.all!.map((address) => machine.nameOf(address)).join(' and ')}: ${set.length === 0 ? 'nothing' : 'readable'}`
    }
    case 'eventfdWrite':
    case 'eventfdRead':
    case 'load':
    case 'read':
    case 'relaxedRead':
    case 'receive':
    case 'notify':
    case 'parked':
      return `${access.op} ${name}`
    case 'compareExchange':
      return `compareExchange ${name}, ${access.a} for ${access.b}`
    default:
      return `${access.op} ${name}, ${access.a}`
  }
}

function after(state: State, initial: ReadonlyMap<number, number>, access: Access, result: number): string {
  switch (access.op) {
    case 'publish':
    case 'wait':
      return ''
    case 'observe':
      return `: ${Array.from({ length: state.clocks.length }, (_, i) => (result >> (4 * i)) & 15)} by thread`
    case 'load':
    case 'read':
    case 'relaxedRead':
    case 'receive':
    case 'eventfdRead':
      return `: ${result}`
    case 'notify':
      return ''
    case 'park':
      return result === 1 ? ': sleeps' : ': it is something else'
    case 'parked':
      return result === 1 ? ': of itself' : ': woken'
    case 'compareExchange':
      return result === access.a ? ': done' : `: it is ${result}`
    default:
      return ` (now ${valueAt(state, initial, access.address)})`
  }
}

function table(head: string[], rows: string[][]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}
