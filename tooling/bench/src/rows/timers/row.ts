import type { Row } from '../../row.ts'

const PHASES = ['arm', 're-arm', 'delete', 'expire']

/** Timers that are pending together. */
export const TIMERS = 100_000
/** Deadlines are whole milliseconds, random, the same for both, from 1 to this many from now. */
export const LONGEST_MS = 1000

export const timers: Row = {
  name: 'timers',
  title: '100,000 timers',
  what:
    '100,000 timers are due in 1 to 1,000 ms at random. arm: each is made and armed. ' +
    're-arm: each is armed again, for the same time from now; refresh() takes no other, mod() any. delete: each is ' +
    'disarmed, in the order of arming. expire: the thread sleeps until all are due, then the loop runs all callbacks. ' +
    "aiokit's deadlines are absolute, so arming reads the clock for each timer, as programs do; Node takes the time " +
    'at which its loop last woke up.',
  op: 'timer',
  plot: 'bars',
  cases: PHASES.map((name) => ({
    name,
    ops: (name === 'expire' ? 2 : 5) * TIMERS,
    warmup: TIMERS,
  })),
  contenders: [
    { name: 'aiokit', kind: 'aiokit', load: () => import('./aiokit.ts') },
    { name: 'setTimeout', kind: 'peer', load: () => import('./set-timeout.ts') },
  ],
  goals: PHASES.map((name) => ({
    kind: 'faster',
    factor: 3,
    of: { contender: 'aiokit', case: name },
    against: { contender: 'setTimeout', case: name },
    as: { arm: 'setTimeout', 're-arm': 'refresh()', delete: 'clearTimeout', expire: 'setTimeout' }[name]!,
  })),
}
