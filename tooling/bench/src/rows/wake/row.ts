import type { Row } from '../../row.ts'

const CASE = 'asleep'

export const wakeBlocking: Row = {
  name: 'wake-blocking',
  title: 'Ping-pong of two sleeping threads',
  what:
    'Two threads wake each other in turn and sleep between; timed is the whole, divided by the number of round trips, ' +
    'each of which wakes both. aiokit: each thread has a context and blocks in poll(true), and its callback schedules a ' +
    "shared bottom half of the other's. MessagePort: each message is answered by another, in the loops of both threads. " +
    'Atomics: both wait in Atomics.wait, where they can do nothing else. A number goes to and fro and is looked at. ' +
    'How long the processor takes to wake up is part of it and the same for all.',
  op: 'round trip',
  plot: 'bars',
  cases: [{ name: CASE, ops: 20_000, warmup: 5000 }],
  contenders: [
    { name: 'aiokit on epoll', kind: 'aiokit', load: () => import('./epoll.ts') },
    { name: 'aiokit on io_uring', kind: 'aiokit', load: () => import('./io-uring.ts') },
    { name: 'MessagePort', kind: 'peer', load: () => import('./message-port.ts') },
    { name: 'Atomics.wait', kind: 'peer', load: () => import('./atomics.ts') },
  ],
  goals: ['epoll', 'io_uring'].flatMap((monitor) =>
    ['MessagePort', 'Atomics.wait'].map((peer) => ({
      kind: 'atMost',
      factor: 1,
      of: { contender: `aiokit on ${monitor}`, case: CASE },
      against: { contender: peer, case: CASE },
      as: `${peer}, on ${monitor}`,
    })),
  ),
}
