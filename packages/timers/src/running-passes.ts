import type { ClockState } from './clock-state.ts'

// The passes under way in this thread, outermost first, of whatever clock. Two arrays: a pass allocates nothing.
const states: ClockState[] = []
const rows: number[] = []

export function enterPass(state: ClockState, row: number): void {
  states.push(state)
  rows.push(row)
  state.enter(row)
}

/** Ends the pass that was entered last. */
export function leavePass(): void {
  states.pop()!.leave(rows.pop()!)
}

/**
 * Returns when no other thread runs a callback of the clock, which has just been stopped, or when somebody has enabled
 * it again.
 *
 * A callback that waits here does not count as running. Otherwise two threads of which each stops, from a callback, the
 * clock of the other one would wait for each other for ever.
 */
export function waitForPasses(state: ClockState): void {
  if (!state.othersRun()) return
  for (let i = 0; i < states.length; i++) states[i]!.leave(rows[i]!)
  try {
    state.waitForOthers()
  } finally {
    for (let i = 0; i < states.length; i++) states[i]!.enter(rows[i]!)
  }
}
