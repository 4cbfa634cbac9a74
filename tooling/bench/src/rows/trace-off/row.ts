import type { Row } from '../../row.ts'

export const HALVES = '1,000 bottom halves'
export const EVENT = '1 event'
export const LOOK = 'poll(false)'
export const REQUEST = '32 requests'

const CASES = [HALVES, EVENT, LOOK, REQUEST]

/** What "nothing" may take: two samples of the same differ by more. */
const TOLERANCE = 1.05

export const traceOff: Row = {
  name: 'trace-off',
  title: 'Trace events that nobody hears',
  what:
    'The loop as it is, with nobody who listens, against the same code from which every trace point was cut before it was ' +
    'compiled: both are bundled in the same way. Bottom halves: 1,000 are scheduled and run, again and again. Event: an ' +
    'eventfd is written to and handled, which reads it. poll(false): finds nothing. Requests: 32 nops go on the ring and are ' +
    'answered. For comparison, what it takes to write each of these events to a file.',
  op: 'callback or poll',
  plot: 'bars',
  cases: [
    { name: HALVES, ops: 3_000_000, warmup: 600_000 },
    { name: EVENT, ops: 300_000, warmup: 100_000 },
    { name: LOOK, ops: 2_000_000, warmup: 500_000 },
    { name: REQUEST, ops: 1_000_000, warmup: 300_000 },
  ],
  contenders: [
    {
      name: 'nobody listens',
      kind: 'aiokit',
      load: async () => ({ measure: await (await import('./measure.ts')).ofBuild(true) }),
    },
    {
      name: 'no trace points',
      kind: 'floor',
      load: async () => ({ measure: await (await import('./measure.ts')).ofBuild(false) }),
    },
    {
      name: 'writing a trace',
      kind: 'peer',
      load: async () => ({ measure: (await import('./measure.ts')).traced }),
      ops: { [HALVES]: 100_000, [EVENT]: 30_000, [LOOK]: 100_000, [REQUEST]: 50_000 },
    },
  ],
  goals: CASES.map((name) => ({
    kind: 'atMost',
    factor: TOLERANCE,
    of: { contender: 'nobody listens', case: name },
    against: { contender: 'no trace points', case: name },
    as: 'the same without trace points',
  })),
}
