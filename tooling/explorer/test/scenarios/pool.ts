import { type End, scenario } from '../../src/explore.ts'
import { allAnswered, PoolWorld, timesRun } from './pool-world.ts'
import { type MakeScenario, OWNER } from './world.ts'

/** A request takes longer than what the others do. */
const LIMIT = 400

/** One thread, and two requests one after the other: the whole way there and back, twice in the same slot. */
export const answered: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    findsRaces: false,
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 1 }),
    bodies: [
      (world, api) => {
        world.submit(api, 1, { after: () => world.submit(api, 2) })
        world.serve()
      },
      (world, api) => world.run(1, api),
    ],
    check: (end) => allAnswered(end, [1, 2]),
  })

/** Each of `requests` ran as often as is right, while the owner does something else than poll. */
function allRan(end: End, requests: readonly number[]): string | undefined {
  const cancelled = end.records[OWNER]!.map((note) => (note as { cancelled?: number }).cancelled)
  for (const request of requests) {
    const times = timesRun(end, request)
    if (times !== (cancelled.includes(request) ? 0 : 1))
      return `request ${request}${cancelled.includes(request) ? ', which was cancelled,' : ''} ran ${times} times, and the threads sleep`
  }
  return undefined
}

/** Two threads for two requests that are to run at the same time: no thread sleeps while there is something to do. */
export const taken: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    findsRaces: false,
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 2, mute: true, submitted: true, together: true }),
    bodies: [
      (world, api) => {
        world.submit(api, 2)
      },
      (world, api) => world.run(1, api),
      (world, api) => world.run(2, api),
    ],
    check: (end) => (end.ended[0] ? allRan(end, [1, 2]) : 'the owner hangs'),
  })

/** A request is cancelled, and the slot that it had used again, for a thread that has just read where it was. */
export const cancelled: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 1 }),
    bodies: [
      (world, api) => {
        const cancel = world.submit(api, 1)
        cancel()
        world.submit(api, 2)
      },
      (world, api) => world.run(1, api),
    ],
    check: (end) => allRan(end, [1, 2]),
  })

/** A thread may be terminated anywhere; another one takes its place. */
export const died: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    findsRaces: false,
    limit: LIMIT,
    mortal: [1],
    setup: () => new PoolWorld(code, machine, { threads: 1, submitted: true }),
    bodies: [
      (world) => world.serve(),
      (world, api) => world.run(1, api),
      (world, api) => world.runLater(api),
    ],
    check: (end) => allAnswered(end, [1], true),
  })

/** One thread of two is to go, whatever it is doing. What it leaves undone the owner sees to when it polls. */
export const dismissed: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    findsRaces: false,
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 2, mute: true, submitted: true }),
    bodies: [
      (world) => world.pool.setParams({ max: 1 }),
      (world, api) => world.run(1, api),
      (world, api) => world.run(2, api),
    ],
    check(end) {
      if (end.ended[1] || !end.ended[2]) return 'the wrong threads have gone'
      return timesRun(end, 1) > 1 ? 'a request ran twice' : undefined
    },
  })

/** Threads leave that have nothing to do, but not both. */
export const idle: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    findsRaces: false,
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 2, min: 1, impatient: true, mute: true }),
    bodies: [() => {}, (world, api) => world.run(1, api), (world, api) => world.run(2, api)],
    check: ({ ended }) => (ended.every(Boolean) ? 'all threads have left' : undefined),
  })

/** A thread leaves while there is something to do. If it has gone the owner starts another when it polls. */
export const leaving: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 1, impatient: true, mute: true }),
    bodies: [
      (world, api) => {
        world.submit(api, 1)
      },
      (world, api) => world.run(1, api),
    ],
    check: (end) => (end.ended[1] && timesRun(end, 1) === 0 ? undefined : allRan(end, [1])),
  })

/** The thread sleeps until the owner has sent the argument. */
export const byMessage: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    limit: LIMIT,
    setup: () => new PoolWorld(code, machine, { threads: 1 }),
    bodies: [
      (world, api) => {
        world.submit(api, 1, { byMessage: true })
        world.serve()
      },
      (world, api) => world.run(1, api),
    ],
    check: (end) => allAnswered(end, [1]),
  })
