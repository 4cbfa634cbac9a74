import { modes } from '../../drive.ts'
import type { Contender, Goal, Row } from '../../row.ts'

const monitors = ['epoll', 'io_uring', 'poll'] as const

const EVENTS = ['1 event', '100 events']
const HALVES = ['1 bottom half', '1,000 bottom halves']

/** Whether a case is about events, and not about bottom halves. */
export function isEvents(name: string): boolean {
  return EVENTS.includes(name)
}

/** How many there are at a time. */
export function togetherIn(name: string): number {
  return Number(name.split(' ')[0]!.replace(',', ''))
}

const contenders: Contender[] = monitors.flatMap((monitor) =>
  modes.map(
    (mode): Contender => ({
      name: `${monitor}, ${mode}`,
      kind: 'aiokit',
      load: async () => ({ measure: (await import('./measure.ts')).hostCost(monitor, mode) }),
    }),
  ),
)

/** What `run()` may take of what calls of `poll()` take: rule A4 wants it as fast, but for calling as Node calls. */
const RUN = 2

const goals: Goal[] = monitors.flatMap((monitor) => [
  ...[...EVENTS, ...HALVES].map(
    (name): Goal => ({
      kind: 'atMost',
      factor: RUN,
      of: { contender: `${monitor}, run`, case: name },
      against: { contender: `${monitor}, poll`, case: name },
      as: `poll(true), ${monitor} and run`,
    }),
  ),
  ...HALVES.flatMap((name) =>
    (['attach', 'run'] as const).map(
      (mode): Goal => ({
        kind: 'faster',
        factor: 1,
        of: { contender: `${monitor}, ${mode}`, case: name },
        against: { contender: 'setImmediate', case: name },
        as: `setImmediate, ${monitor} and ${mode}`,
      }),
    ),
  ),
])

export const hostCost: Row = {
  name: 'host-cost',
  title: 'What Node costs: poll(), attach() and run()',
  what:
    'Events: an eventfd is written to and handled, which reads it, and then again, or 100 of them are, and when all have ' +
    'been handled again. Bottom halves: the same with schedule(). By calls of poll(true), with attach() and with run(), ' +
    'which call each callback as Node does: ticks and promises run after it, and its async context is kept. setImmediate ' +
    'is the nearest that Node has. Everything is timed, writing and scheduling included.',
  op: 'callback',
  plot: 'bars',
  cases: [
    { name: '1 event', ops: 100_000, warmup: 50_000 },
    { name: '100 events', ops: 200_000, warmup: 100_000 },
    { name: '1 bottom half', ops: 200_000, warmup: 100_000 },
    { name: '1,000 bottom halves', ops: 500_000, warmup: 200_000 },
  ],
  contenders: [
    ...contenders,
    { name: 'setImmediate', kind: 'peer', cases: HALVES, load: () => import('./set-immediate.ts') },
  ],
  goals,
}
