import type { Row } from '../../row.ts'

export const start: Row = {
  name: 'start',
  title: 'From nothing to the first poll',
  what:
    'Whole processes, from spawning to their end: one that imports aiokit, makes a context, polls once and closes, ' +
    'and node -e 0. An empty ES module shows what part of the difference is Node loading any module.',
  op: 'process',
  plot: 'bars',
  cases: [{ name: 'process', ops: 10, warmup: 1 }],
  contenders: [
    { name: 'aiokit', kind: 'aiokit', load: () => import('./aiokit.ts') },
    { name: 'empty ES module', kind: 'peer', load: () => import('./empty-module.ts') },
    { name: 'node -e 0', kind: 'peer', load: () => import('./nothing.ts') },
  ],
  goals: [
    {
      kind: 'over',
      ns: 15e6,
      of: { contender: 'aiokit', case: 'process' },
      against: { contender: 'node -e 0', case: 'process' },
      as: 'node -e 0',
    },
  ],
}
