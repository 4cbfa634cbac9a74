import type { Contender, Row } from '../../row.ts'

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

/** The longest that both contexts poll: that of I/O threads. */
const MAX_NS = 32_768
const POLLING_CASE = 'polling'

function polling(monitor: 'epoll' | 'io_uring', rule: 'average' | 'grow' = 'average'): Contender {
  return {
    name: `aiokit on ${monitor}, polling${rule === 'grow' ? ' by growth' : ''}`,
    kind: 'aiokit',
    ops: { [POLLING_CASE]: 400_000 },
    load: async () => ({
      measure: (await import('./contexts.ts')).pingPong(monitor, { maxNs: MAX_NS, rule }),
    }),
  }
}

export const wakePolling: Row = {
  name: 'wake-polling',
  title: 'Ping-pong of two threads that poll',
  what:
    'The work of wake-blocking, by contexts that look for what comes for up to 32.768 µs before they sleep ' +
    '(poll: { maxNs: 32_768 }), as I/O threads do by default; "by growth" with rule: \'grow\'. Timed is the whole, divided ' +
    'by the number of round trips. The processor time is that of both threads: one that polls has its processor all the ' +
    'time. MessagePort cannot poll. The C program has two threads that spin on two words of shared memory and do nothing ' +
    'else.',
  op: 'round trip',
  plot: 'bars',
  cpu: true,
  cases: [{ name: POLLING_CASE, ops: 20_000, warmup: 5000 }],
  contenders: [
    polling('epoll'),
    polling('io_uring'),
    polling('epoll', 'grow'),
    polling('io_uring', 'grow'),
    { name: 'MessagePort', kind: 'peer', load: () => import('./message-port.ts') },
    { name: 'C, spinning', kind: 'floor', floor: 'wake-polling', ops: { [POLLING_CASE]: 1_000_000 } },
  ],
  goals: ['epoll', 'io_uring'].map((monitor) => ({
    kind: 'faster',
    factor: 25,
    of: { contender: `aiokit on ${monitor}, polling`, case: POLLING_CASE },
    against: { contender: 'MessagePort', case: POLLING_CASE },
    as: `MessagePort, on ${monitor}`,
  })),
}
