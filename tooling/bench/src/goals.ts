import { caseName, duration, factor, oneIn } from './format.ts'
import type { CellResult } from './results.ts'
import type { Cell, Goal } from './row.ts'

export interface Verdict {
  /** The whole sentence: "1 of 1,000: at most 1.5 x the C floor: 1.23, met". */
  text: string
  /** A ratio, nanoseconds, or how many come on an operation; null if it was not measured. */
  value: number | null
  limit: number
  met: boolean | null
  /** How much of the limit is used; over 1 is missed. For finding the one that matters most. */
  strain: number | null
}

/** @param find a cell's figures, or undefined for one without samples */
export function judge(
  goal: Goal,
  find: (cell: Cell) => Pick<CellResult, 'median' | 'cpuNs' | 'count'> | undefined,
): Verdict {
  const limit = limitOf(goal)
  const exact = measured(goal, find)
  const aim = `${caseName(goal.of.case)}: ${sentence(goal)}`
  if (exact === undefined)
    return { text: `${aim}: not measured`, value: null, limit, met: null, strain: null }
  const isRatio = goal.kind === 'atMost' || goal.kind === 'processor' || goal.kind === 'faster'
  // Judged as it is shown: no sample is good to the third decimal.
  const value = isRatio ? Math.round(exact * 100) / 100 : exact
  const strain = goal.kind === 'faster' ? limit / value : value / limit
  const isStrict = goal.kind === 'seldom' || (goal.kind === 'faster' && limit === 1)
  const met = isStrict ? strain < 1 : strain <= 1
  const shown = isRatio ? factor(value) : goal.kind === 'over' ? duration(value) : oneIn(value)
  return { text: `${aim}: ${shown}, ${met ? 'met' : 'missed'}`, value, limit, met, strain }
}

function limitOf(goal: Goal): number {
  if (goal.kind === 'over') return goal.ns
  return goal.kind === 'seldom' ? 1 / goal.oneIn : goal.factor
}

function measured(goal: Goal, find: Parameters<typeof judge>[1]): number | undefined {
  if (goal.kind === 'seldom') return find(goal.of)?.count
  const figure = goal.kind === 'processor' ? 'cpuNs' : 'median'
  const of = find(goal.of)?.[figure]
  const against = find(goal.against)?.[figure]
  if (of === undefined || against === undefined) return undefined
  if (goal.kind === 'over') return of - against
  return goal.kind === 'faster' ? against / of : of / against
}

function sentence(goal: Goal): string {
  if (goal.kind === 'seldom') return `${goal.as} for less than 1 in ${goal.oneIn.toLocaleString('en')}`
  if (goal.kind === 'over') return `at most ${duration(goal.ns)} over ${goal.as}`
  if (goal.kind === 'atMost') return `at most ${goal.factor} x ${goal.as}`
  if (goal.kind === 'processor') return `at most ${goal.factor} x the processor time of ${goal.as}`
  return goal.factor === 1 ? `faster than ${goal.as}` : `at least ${goal.factor} x faster than ${goal.as}`
}
