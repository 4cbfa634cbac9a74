import type { Row } from '../../row.ts'

const EVENTS = 200_000

export const dispatchFloor: Row = {
  name: 'dispatch-floor',
  title: 'Dispatch, 1 and 100 ready of 1,000',
  what:
    '1,000 eventfds are watched; 1 or 100, each time others, are set before the clock is read. Timed are the blocking ' +
    'wait, the dispatch, and the read in each callback: on epoll the same system calls as those of the C program but ' +
    'for one epoll_ctl in 128 waits, with which aiokit looks for descriptors that were closed. On io_uring the call ' +
    'that waits also asks anew for what was dispatched before, and what was set before it is looked at once more, with ' +
    'one ppoll. The C program waits with epoll and calls through a function pointer. The writes are left out because ' +
    'as equal terms they would only bring the ratio nearer to 1. ' +
    'What reading the clock itself costs is measured in the same process and taken off, and a stretch in which the ' +
    'thread lost the processor does not count.',
  op: 'event',
  plot: 'bars',
  cases: [
    { name: '1 ready', ops: EVENTS, warmup: EVENTS / 2 },
    { name: '100 ready', ops: 5 * EVENTS, warmup: EVENTS },
  ],
  contenders: [
    { name: 'aiokit on epoll', kind: 'aiokit', load: () => import('./epoll.ts') },
    { name: 'aiokit on io_uring', kind: 'aiokit', load: () => import('./io-uring.ts') },
    { name: 'C on epoll', kind: 'floor', floor: 'dispatch-floor' },
  ],
  goals: ['epoll', 'io_uring'].flatMap((monitor) =>
    ['1 ready', '100 ready'].map((name) => ({
      kind: 'atMost',
      factor: 1.5,
      of: { contender: `aiokit on ${monitor}`, case: name },
      against: { contender: 'C on epoll', case: name },
      as: `the C floor, on ${monitor}`,
    })),
  ),
}
