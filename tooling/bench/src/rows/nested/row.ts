import type { Row } from '../../row.ts'

export const DEEPEST = 5

const DEPTHS = Array.from({ length: DEEPEST + 1 }, (_, depth) => depth)

export const nested: Row = {
  name: 'nested',
  title: 'poll(true) inside a callback',
  what:
    'At depth d a callback of an eventfd clears it, sets the next one and calls poll(true), whose callback does the ' +
    'same, d + 1 polls one inside the other; then all return. Six eventfds are watched at every depth. Timed is everything, divided by the number of polls, so ' +
    'that a level which costs more than the one above it shows. Depth 0 is a poll that is in no callback.',
  op: 'poll',
  plot: 'bars',
  cases: DEPTHS.map((depth) => ({ name: `depth ${depth}`, ops: 240_000, warmup: 120_000 })),
  contenders: [{ name: 'aiokit', kind: 'aiokit', load: () => import('./aiokit.ts') }],
  goals: DEPTHS.slice(1).map((depth) => ({
    kind: 'atMost',
    factor: 1.2,
    of: { contender: 'aiokit', case: `depth ${depth}` },
    against: { contender: 'aiokit', case: 'depth 0' },
    as: 'itself at depth 0',
  })),
}
