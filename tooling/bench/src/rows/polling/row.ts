import type { PollParams } from 'aiokit'
import type { MonitorName } from '../../monitor.ts'
import type { Case, Contender, Goal, Measure, Row } from '../../row.ts'
import type { Way } from './slow-device.ts'

/** How a context polls, as names say it: not at all, as I/O threads do by default, and by the rule of the original. */
const polls = {
  '': { maxNs: 0 },
  ', polling': { maxNs: 32_768 },
  ', polling by growth': { maxNs: 32_768, rule: 'grow' },
} as const satisfies Record<string, PollParams>
type Polling = keyof typeof polls

const monitors: readonly MonitorName[] = ['epoll', 'io_uring']

/** How the sources are waited for, as names say it: by handlers of a monitor, or by requests on the ring. */
const ways: Readonly<Record<Way, string>> = {
  epoll: 'on epoll',
  io_uring: 'on io_uring',
  requests: 'on io_uring, requests',
}

const nameOf = (way: Way, polling: Polling) => `aiokit ${ways[way]}${polling}`

/** Each way with polling off and on, by default. */
function contenders<W extends Way>(
  ways: readonly W[],
  load: (way: W, poll: PollParams) => Promise<Measure>,
  pollings: readonly Polling[] = ['', ', polling'],
): Contender[] {
  return ways.flatMap((way) =>
    pollings.map(
      (polling): Contender => ({
        name: nameOf(way, polling),
        kind: 'aiokit',
        load: async () => ({ measure: await load(way, polls[polling]) }),
      }),
    ),
  )
}

/** In each case, of polling against not polling. */
function goals(
  of: readonly Way[],
  cases: readonly Case[],
  kind: 'faster' | 'processor',
  factor: number,
): Goal[] {
  return cases.flatMap(({ name }) =>
    of.map((way) => ({
      kind,
      factor,
      of: { contender: nameOf(way, ', polling'), case: name },
      against: { contender: nameOf(way, ''), case: name },
      as: `polling off, ${ways[way]}`,
    })),
  )
}

const BELLS =
  'A source is a thread that counts in shared memory and writes an eventfd if nobody looks (pollBegin, pollEnd). The ' +
  'context polls for up to 32.768 µs before it sleeps, or not at all. The processor time is that of its thread. '

const WAYS = ['epoll', 'io_uring', 'requests'] as const
const PERIODS = [
  { name: '200 µs', ops: 5000, warmup: 2000 },
  { name: '2 ms', ops: 1000, warmup: 400 },
]

export const slowDevice: Row = {
  name: 'slow-device',
  title: 'A source that is too slow to be polled for',
  what:
    `${BELLS}The only source sleeps for so long between its events, so that polling cannot pay and should cost nothing. It ` +
    'is waited for by a handler or, "requests", by reading its eventfd with ctx.io.readAio. The time is from the event to ' +
    'its callback, most of which the kernel takes to wake the thread.',
  op: 'event',
  plot: 'bars',
  cpu: true,
  cases: PERIODS,
  contenders: contenders(WAYS, async (way, poll) => (await import('./slow-device.ts')).slowDevice(way, poll)),
  goals: goals(WAYS, PERIODS, 'processor', 1.05),
}

const MIXED = [
  { name: 'one after the other', ops: 20_000, burst: Number.POSITIVE_INFINITY },
  { name: 'ten each ms', ops: 10_000, burst: 10 },
]

export const mixedSources: Row = {
  name: 'mixed',
  title: 'A fast source beside a slow one',
  what:
    `${BELLS}One source answers 3 µs after it was asked, by a thread that looks for questions all the time; another comes ` +
    'each ms. Both are waited for by one context. The time is from a question to the callback of its answer; each answer ' +
    'makes the next question, without end or ten times, and then the slow source is waited for. The processor time is that ' +
    'of all, divided by the answers. "By growth" is the older way to learn for how long to poll, rule: \'grow\'.',
  op: 'answer',
  plot: 'bars',
  cpu: true,
  cases: MIXED,
  contenders: contenders(
    monitors,
    async (monitor, poll) => {
      const { mixed } = await import('./mixed.ts')
      return (request) =>
        mixed(monitor, poll, MIXED.find(({ name }) => name === request.case)!.burst)(request)
    },
    ['', ', polling', ', polling by growth'],
  ),
  goals: goals(monitors, MIXED, 'faster', 1),
}

const ALONE = '1 busy'
const SILENT = 'and 1,000 silent for 7 s'
const IDLE = [
  { name: ALONE, count: 0, left: false },
  { name: 'and 1,000 idle', count: 1000, left: false },
  { name: SILENT, count: 1000, left: true },
]

export const idleHandlers: Row = {
  name: 'idle-handlers',
  title: 'One busy handler beside 1,000 that could be polled for',
  what:
    'A handler of a source that counts in shared memory is rung and then called by poll(true), alone or beside 1,000 others ' +
    'that were ready once. All in one thread, and nobody sleeps: timed is what looking costs. A context that polls looks at ' +
    'all of them each time, but on io_uring those that were silent for 7 s are left to the kernel. One that does not poll ' +
    'has an eventfd written, waited for and read for each event.',
  op: 'event',
  plot: 'bars',
  cases: IDLE.map(({ name }) => ({ name, ops: 50_000 })),
  contenders: contenders(monitors, async (monitor, poll) => {
    const module = await import('./idle-handlers.ts')
    return module.idleHandlers(monitor, poll, (theCase) => IDLE.find(({ name }) => name === theCase)!)
  }).map((contender) =>
    contender.name === nameOf('io_uring', ', polling')
      ? contender
      : { ...contender, cases: [ALONE, IDLE[1]!.name] },
  ),
  goals: [
    {
      kind: 'atMost',
      factor: 1.2,
      of: { contender: nameOf('io_uring', ', polling'), case: SILENT },
      against: { contender: nameOf('io_uring', ', polling'), case: ALONE },
      as: 'the busy one alone, polling on io_uring',
    },
  ],
}
