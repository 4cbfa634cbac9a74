import { modes } from '../../drive.ts'
import type { Contender, Goal, Row } from '../../row.ts'
import type { Time } from './load.ts'

const CASES = [
  { name: '1 connection', ops: 15_000, warmup: 5000 },
  { name: '50 connections', ops: 60_000, warmup: 20_000 },
  { name: '500 connections', ops: 60_000, warmup: 20_000 },
]

const HOW =
  'A server on 127.0.0.1 sends back what it receives; each connection has one message of 64 bytes in flight. aiokit on ' +
  'epoll has a handler for each connection that makes the system calls of the C program, which waits with epoll; on ' +
  'io_uring it is ctx.io.recvAio and sendAio. Each by calls of poll(true), by attach() and by run(). "promises" awaits ' +
  'ctx.io.recv and send. node:net is ' +
  "socket.on('data') and write. The load is the same C program for all, in a process of its own. "

function contenders(time: Time): Contender[] {
  return [
    ...modes.map(
      (mode): Contender => ({
        name: `aiokit on epoll, ${mode}`,
        kind: 'aiokit',
        load: async () => ({ measure: (await import('./handlers.ts')).handlers('epoll', mode, time) }),
      }),
    ),
    ...modes.map(
      (mode): Contender => ({
        name: `aiokit on io_uring, ${mode}`,
        kind: 'aiokit',
        load: async () => ({ measure: (await import('./ring-io.ts')).ringIo(mode, time) }),
      }),
    ),
    ...(['attach', 'run'] as const).map(
      (mode): Contender => ({
        name: `aiokit on io_uring, promises, ${mode}`,
        kind: 'aiokit',
        load: async () => ({ measure: (await import('./ring-promises.ts')).ringPromises(mode, time) }),
      }),
    ),
    {
      name: 'node:net',
      kind: 'peer',
      load: async () => ({ measure: (await import('./node-net.ts')).nodeNet(time) }),
    },
    { name: 'C on epoll', kind: 'floor', load: async () => ({ measure: (await import('./c.ts')).c(time) }) },
  ]
}

const ours = [
  ...['epoll', 'io_uring'].flatMap((monitor) => modes.map((mode) => `${monitor}, ${mode}`)),
  'io_uring, promises, attach',
  'io_uring, promises, run',
]

const goals: Goal[] = CASES.flatMap(({ name }) =>
  ours.flatMap((how): Goal[] => {
    const of = { contender: `aiokit on ${how}`, case: name }
    return [
      {
        kind: 'faster',
        factor: 2,
        of,
        against: { contender: 'node:net', case: name },
        as: `node:net, on ${how}`,
      },
      {
        kind: 'atMost',
        factor: 1.3,
        of,
        against: { contender: 'C on epoll', case: name },
        as: `the C floor, on ${how}`,
      },
    ]
  }),
)

export const echo: Row = {
  name: 'echo',
  title: 'TCP echo, 64 bytes',
  what:
    `${HOW}The time is that on the wall for one message, as the load sees it: with many connections both processes have ` +
    'a processor for themselves, and the slower one tells. What the load takes for one is in it.',
  op: 'message',
  plot: 'bars',
  cases: CASES,
  contenders: contenders('wall'),
  goals,
}

export const echoProcessor: Row = {
  name: 'echo-processor',
  title: 'TCP echo, 64 bytes: processor time of the server',
  what:
    `${HOW}The time is that for which the threads of the server had a processor, those of the kernel for its ring ` +
    'included: how many messages one server can answer, whatever load it has.',
  op: 'message',
  plot: 'bars',
  cases: CASES,
  contenders: contenders('processor'),
  goals,
}
