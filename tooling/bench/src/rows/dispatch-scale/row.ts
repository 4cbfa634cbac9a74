import type { Row } from '../../row.ts'

export const dispatchScale: Row = {
  name: 'dispatch-scale',
  title: 'One ready descriptor of N',
  what:
    'N eventfds are watched; one, picked at random, is set, then poll(true) waits, dispatches, and its callback ' +
    'clears it. All four are timed. The C program does the same with epoll_wait and read: what it loses at large N ' +
    "is the kernel's and the caches' share.",
  op: 'event',
  plot: 'lines',
  cases: [10, 100, 1000, 10_000].map((count) => ({ name: String(count), ops: 150_000, warmup: 60_000 })),
  contenders: [
    { name: 'aiokit on epoll', kind: 'aiokit', load: () => import('./epoll.ts') },
    { name: 'aiokit on io_uring', kind: 'aiokit', load: () => import('./io-uring.ts') },
    {
      name: 'aiokit on poll',
      kind: 'aiokit',
      load: () => import('./poll.ts'),
      // O(N): 10,000 descriptors take hundreds of microseconds a wait.
      ops: { 100: 100_000, 1000: 20_000, 10000: 2000 },
    },
    { name: 'C on epoll', kind: 'floor', floor: 'dispatch-scale' },
  ],
  goals: ['epoll', 'io_uring'].flatMap((monitor) =>
    [100, 1000, 10_000].map((count) => ({
      kind: 'atMost',
      factor: 1.1,
      of: { contender: `aiokit on ${monitor}`, case: String(count) },
      against: { contender: `aiokit on ${monitor}`, case: '10' },
      as: `itself at 10, on ${monitor}`,
    })),
  ),
}
