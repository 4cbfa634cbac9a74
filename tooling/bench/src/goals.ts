import { caseName, duration, factor } from './format.ts'
import type { Cell, Goal } from './row.ts'

export interface Verdict {
  /** The whole sentence: "1 of 1,000: at most 1.5 x the C floor: 1.23, met". */
  text: string
  /** A ratio, or nanoseconds; null if one of the two cells has no samples. */
  value: number | null
  limit: number
  met: boolean | null
  /** How much of the limit is used; over 1 is missed. For finding the one that matters most. */
  strain: number | null
}

/** @param medianOf nanoseconds, or undefined for a cell without samples */
export function judge(goal: Goal, medianOf: (cell: Cell) => number | undefined): Verdict {
  const of = medianOf(goal.of)
  const against = medianOf(goal.against)
  const limit = goal.kind === 'over' ? goal.ns : goal.factor
  const aim = `${caseName(goal.of.case)}: ${sentence(goal)}`
  if (of === undefined || against === undefined) {
    return { text: `${aim}: not measured`, value: null, limit, met: null, strain: null }
  }
  const exact = goal.kind === 'over' ? of - against : goal.kind === 'faster' ? against / of : of / against
  // Judged as it is shown: no sample is good to the third decimal.
  const value = goal.kind === 'over' ? exact : Math.round(exact * 100) / 100
  const strain = goal.kind === 'faster' ? limit / value : value / limit
  const met = goal.kind === 'faster' && limit === 1 ? value > 1 : strain <= 1
  const shown = goal.kind === 'over' ? duration(value) : factor(value)
  return { text: `${aim}: ${shown}, ${met ? 'met' : 'missed'}`, value, limit, met, strain }
}

function sentence(goal: Goal): string {
  if (goal.kind === 'over') return `at most ${duration(goal.ns)} over ${goal.as}`
  if (goal.kind === 'atMost') return `at most ${goal.factor} x ${goal.as}`
  return goal.factor === 1 ? `faster than ${goal.as}` : `at least ${goal.factor} x faster than ${goal.as}`
}
