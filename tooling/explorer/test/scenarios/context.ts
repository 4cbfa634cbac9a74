import type { RemoteBottomHalf } from '@aiokit/bottom-halves'
import { scenario } from '../../src/explore.ts'
import type { ThreadApi } from '../../src/machine.ts'
import {
  allRan,
  type MakeScenario,
  OWNER,
  type Run,
  type Scheduled,
  schedule,
  sharedWord,
  World,
} from './world.ts'

/** The loop of a context, and threads of which each schedules a bottom half so many times. */
export function schedulers(...plan: readonly { bh: string; times: number }[]): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', ...plan.map((_, i) => `thread ${i + 1}`)],
      setup() {
        const world = new World(code, machine, plan.length)
        const names = [...new Set(plan.map(({ bh }) => bh))]
        const handles = new Map(names.map((bh) => [bh, world.bottomHalf(bh).handle]))
        const remotes = plan.map(({ bh }, i) => world.remote(i + 1).bottomHalf(handles.get(bh)!))
        return { world, remotes }
      },
      bodies: [
        ({ world }, api) => {
          world.begin(api)
          world.serve()
        },
        ...plan.map(
          ({ bh, times }, i) =>
            ({ remotes }: { remotes: RemoteBottomHalf[] }, api: ThreadApi) =>
              schedule(api, bh, remotes[i]!, times),
        ),
      ],
      check: (end) => allRan(end),
    })
}

/** Two threads that notify of nothing. */
export const notifiers: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    setup: () => new World(code, machine, 2),
    bodies: [
      (world, api) => {
        world.begin(api)
        for (;;) api.record(world.ctx.poll(true) ? 'progress' : 'returned')
      },
      (world) => world.remote(1).notify(),
      (world) => world.remote(2).notify(),
    ],
    check({ records }) {
      const polls = records[OWNER]!
      if (polls.includes('progress')) return 'a notification is taken for progress'
      if (polls.length === 0) return 'the owner was notified and sleeps'
      // What was notified after a poll began to sleep can be seen by that one and be noted for the next.
      if (polls.length > 4) return 'the owner does not sleep although all was accepted'
      return undefined
    },
  })

/** The owner's own bottom half looks at what another thread publishes, which then notifies and schedules nothing. */
export const duringDispatch: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    setup: () => ({ world: new World(code, machine, 1), work: sharedWord(machine, 'work') }),
    bodies: [
      ({ world, work }, api) => {
        world.begin(api)
        world.ctx.scheduleOneshot(() => api.record(work.load() === 0 ? 'saw nothing' : 'saw it'))
        for (;;) {
          world.ctx.poll(true)
          api.record('returned')
        }
      },
      ({ world, work }) => {
        work.exchange(1)
        world.remote(1).notify()
      },
    ],
    check({ records }) {
      const [looked, ...returned] = records[OWNER]!
      // The poll that has looked, and another one.
      if (looked === 'saw nothing' && returned.length < 2)
        return 'the owner was notified after it had looked, and sleeps'
      return undefined
    },
  })

/** Two threads that schedule a bottom half each, of which the first may be terminated. */
export const terminated: MakeScenario = (code, machine) => {
  const both = schedulers({ bh: 'a', times: 1 }, { bh: 'b', times: 1 })(code, machine)
  return {
    ...both,
    mortal: [1],
    check({ ended, records }) {
      const runs = (records[OWNER] as readonly Run[]).filter(({ bh }) => bh === 'b')
      return allRan({ ended: ended.with(1, true), records: [runs, [], records[2]!] })
    },
  }
}

/** The callback of one bottom half polls until another one has run, which another thread schedules. */
export const nested: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    setup() {
      const world = new World(code, machine, 2)
      let innerRan = false
      const outer = world.bottomHalf('outer', () => world.ctx.waitWhile(() => !innerRan))
      const inner = world.bottomHalf('inner', () => {
        innerRan = true
      })
      return {
        world,
        outer: world.remote(1).bottomHalf(outer.handle),
        inner: world.remote(2).bottomHalf(inner.handle),
      }
    },
    bodies: [
      ({ world }, api) => {
        world.begin(api)
        world.serve()
      },
      ({ outer }, api) => schedule(api, 'outer', outer, 1),
      ({ inner }, api) => schedule(api, 'inner', inner, 1),
    ],
    check: (end) => allRan(end),
  })

/** The owner takes back what was scheduled until then, and no more. */
export const cancelling: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    setup() {
      const world = new World(code, machine, 1)
      const bh = world.bottomHalf('bh')
      return { world, bh, remote: world.remote(1).bottomHalf(bh.handle), ended: sharedWord(machine, 'ended') }
    },
    bodies: [
      ({ world, bh, ended }, api) => {
        world.begin(api)
        // What was scheduled before this look was scheduled before the cancel.
        ended.load()
        const before = api.observe()
        bh.cancel()
        api.record(before)
        api.record({ bh: 'cancelled', saw: api.observe() } satisfies Run)
        world.serve()
      },
      ({ remote, ended }, api) => {
        schedule(api, 'bh', remote, 2)
        ended.exchange(1)
      },
    ],
    check(end) {
      const [before, cancelled, ...runs] = end.records[OWNER] as readonly [number[], Run, ...Run[]]
      const later = (end.records[1] as readonly Scheduled[]).filter((entry) => entry.published > before[1]!)
      if (runs.length > later.length) return 'what was cancelled ran'
      return allRan(
        { ...end, records: [runs, ...end.records.slice(1)] },
        (thread, { published }) => cancelled.saw[thread]! >= published,
      )
    },
  })

/**
 * A bottom half is deleted while one thread schedules it, and another one made, which has its place if that is free, while
 * a second thread schedules that one.
 */
export const reusing: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1', 'thread 2'],
    mortal: [1],
    setup() {
      const world = new World(code, machine, 2)
      const former = world.bottomHalf('former')
      const { handle } = former
      const mailbox = sharedWord(machine, 'mailbox')
      return { world, former, mailbox, loop: handle.loop, remote: world.remote(1).bottomHalf(handle) }
    },
    bodies: [
      ({ world, former, mailbox }, api) => {
        world.begin(api)
        former.delete()
        const { id, generation } = world.bottomHalf('latter').handle
        mailbox.exchange(1 + id * 16 + generation)
        world.serve()
      },
      ({ remote, mailbox }, api) => {
        const isDeleted = mailbox.load() > 0
        schedule(api, 'former', remote, 1)
        if (isDeleted) api.record('after the end')
      },
      ({ world, mailbox, loop }, api) => {
        const mail = mailbox.load() - 1
        if (mail < 0) return
        const remote = world.remote(2).bottomHalf({ loop, id: mail >> 4, generation: mail & 15 })
        schedule(api, 'latter', remote, 1)
      },
    ],
    check(end) {
      const runs = end.records[OWNER] as readonly Run[]
      if (runs.some(({ bh }) => bh === 'former')) return 'a bottom half ran after it was deleted'
      const [former, isDeleted] = end.records[1] as [Scheduled | undefined, unknown]
      if (former !== undefined && 'published' in former && isDeleted !== undefined)
        return 'a bottom half was scheduled after it was deleted'
      if (end.records[2]!.some((note) => 'refused' in (note as object))) return 'the new one was refused'
      // The first thread may be terminated: that is no excuse for the second one's bottom half.
      return allRan({ ended: end.ended.with(1, true), records: end.records.with(1, []) }, undefined, true)
    },
  })
