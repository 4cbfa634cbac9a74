import type { Row } from '../../row.ts'

const ONE = 'one at a time'
const MANY = '1,000 at a time'

export const bh: Row = {
  name: 'bh',
  title: 'Callbacks that run soon',
  what:
    'One at a time: each callback schedules the next, until all have run; 1,000 at a time: 1,000 are scheduled, and ' +
    'when they have run the next 1,000. aiokit runs them with poll(true), each time looking at descriptors too, as ' +
    "Node does between setImmediate's; nextTick and queueMicrotask run theirs without ever going back to the loop, so " +
    'that I/O waits until the last has run. aiokit makes its BottomHalf objects once, which is what they are for; ' +
    'scheduleOneshot makes one for each callback, as the others do.',
  op: 'callback',
  plot: 'bars',
  cases: [
    { name: ONE, ops: 1_000_000, warmup: 100_000 },
    { name: MANY, ops: 1_000_000, warmup: 200_000 },
  ],
  contenders: [
    { name: 'aiokit', kind: 'aiokit', load: () => import('./aiokit.ts') },
    { name: 'aiokit, scheduleOneshot', kind: 'aiokit', load: () => import('./aiokit-oneshot.ts') },
    { name: 'setImmediate', kind: 'peer', load: () => import('./set-immediate.ts') },
    { name: 'queueMicrotask', kind: 'peer', load: () => import('./queue-microtask.ts') },
    { name: 'nextTick', kind: 'peer', load: () => import('./next-tick.ts') },
  ],
  goals: [ONE, MANY].flatMap((name) =>
    ['setImmediate', 'queueMicrotask', 'nextTick'].map((peer) => ({
      kind: 'faster',
      factor: 1,
      of: { contender: 'aiokit', case: name },
      against: { contender: peer, case: name },
      as: peer,
    })),
  ),
}

/** How many callbacks are scheduled together in a case. */
export function burst(name: string): number {
  return name === MANY ? 1000 : 1
}
