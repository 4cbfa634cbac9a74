import type { Row } from '../../row.ts'

/** The case in which the context always has something else to do. */
export const BUSY = 'busy'

const SCHEDULES = 100_000

export const notifyBurst: Row = {
  name: 'notify-burst',
  title: '100,000 schedules from another thread',
  what:
    "A thread schedules a shared bottom half of another thread's context, 100,000 times one after the other, each after " +
    'having written a number that the callback is to see. Timed is that thread, and the writes to the eventfd that ' +
    'wakes the context are counted. busy: the context has a bottom half that always schedules itself again. idle: it ' +
    'has nothing else to do and sleeps as soon as it has run the callback, so that it has to be woken again.',
  op: 'schedule',
  plot: 'bars',
  counts: 'eventfd writes',
  cases: [BUSY, 'idle'].map((name) => ({ name, ops: SCHEDULES, warmup: SCHEDULES })),
  contenders: [{ name: 'aiokit', kind: 'aiokit', load: () => import('./aiokit.ts') }],
  goals: [
    {
      kind: 'seldom',
      oneIn: 1000,
      of: { contender: 'aiokit', case: BUSY },
      as: 'an eventfd write',
    },
  ],
}
