import type { Case, Contender, Goal, Row } from '../../row.ts'
import { MOST_IN_FLIGHT, numbers, objects, THREADS, type Work } from './work.ts'

const ONE = '1 in flight'
const MANY = `${MOST_IN_FLIGHT} in flight`

const HOW =
  `Each pool has ${THREADS} threads, which are there before the clock is read. So many requests are kept in flight: each ` +
  'that is answered, and whose answer was looked at, makes room for the next. aiokit calls back in poll(true), and its ' +
  'threads and those of the others sleep when there is nothing to do; ours first look for work for some 10 µs. "aiokit, ' +
  'polling" has a context that also looks for answers, for up to 32.768 µs before it sleeps. "aiokit, submit" has ' +
  'promises, as the others have; what awaits them runs after each poll. piscina has its FixedQueue and records no times; ' +
  'its threads and those of tinypool wait with Atomics and are sent up to 32 requests at a time. The processor time is ' +
  'that of all threads.'

const CASES: readonly Case[] = [
  { name: ONE, ops: 20_000, warmup: 10_000 },
  { name: MANY, ops: 60_000, warmup: 20_000 },
]

/** The longest that the context polls in the contender that does: as I/O threads by default. */
const POLL = { maxNs: 32_768 }

function contenders<A, R>(work: Work<A, R>): Contender[] {
  const ours = { [ONE]: 50_000, [MANY]: 1_000_000 }
  return [
    {
      name: 'aiokit',
      kind: 'aiokit',
      ops: ours,
      load: async () => ({ measure: (await import('./aiokit.ts')).aiokit(work) }),
    },
    {
      name: 'aiokit, polling',
      kind: 'aiokit',
      ops: ours,
      load: async () => ({ measure: (await import('./aiokit.ts')).aiokit(work, POLL) }),
    },
    {
      name: 'aiokit, submit',
      kind: 'aiokit',
      ops: ours,
      load: async () => ({ measure: (await import('./aiokit-promises.ts')).aiokitPromises(work) }),
    },
    {
      name: 'piscina',
      kind: 'peer',
      load: async () => ({ measure: (await import('./piscina.ts')).piscina(work) }),
    },
    {
      name: 'tinypool',
      kind: 'peer',
      load: async () => ({ measure: (await import('./tinypool.ts')).tinypool(work) }),
    },
    {
      name: 'workerpool',
      kind: 'peer',
      load: async () => ({ measure: (await import('./workerpool.ts')).workerpoolThreads(work) }),
    },
  ]
}

function goals(factor: number): Goal[] {
  return [
    {
      kind: 'faster',
      factor,
      of: { contender: 'aiokit', case: MANY },
      against: { contender: 'piscina', case: MANY },
      as: 'piscina',
    },
    {
      kind: 'atMost',
      factor: 1,
      of: { contender: 'aiokit', case: ONE },
      against: { contender: 'piscina', case: ONE },
      as: 'piscina',
    },
  ]
}

export const poolNumber: Row = {
  name: 'pool-number',
  title: 'A task on a number, in a pool of threads',
  what: `A task adds one to a number. ${HOW}`,
  op: 'task',
  plot: 'bars',
  cpu: true,
  cases: CASES,
  contenders: contenders(numbers),
  goals: [
    ...goals(50),
    {
      kind: 'faster',
      factor: 10,
      of: { contender: 'aiokit, polling', case: ONE },
      against: { contender: 'piscina', case: ONE },
      as: 'piscina, with polling',
    },
  ],
}

export const poolObject: Row = {
  name: 'pool-object',
  title: 'A task on a small object, in a pool of threads',
  what: `A task gets an object of two numbers and a string and answers with another. ${HOW}`,
  op: 'task',
  plot: 'bars',
  cpu: true,
  cases: CASES,
  contenders: contenders(objects),
  goals: goals(5),
}
