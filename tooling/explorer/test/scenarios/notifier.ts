import type { EventNotifier, NotifierWatch } from '@aiokit/notifier'
import { type End, scenario } from '../../src/explore.ts'
import type { Code } from '../../src/load.ts'
import type { Machine, ThreadApi } from '../../src/machine.ts'
import { allRan, describeNotifier, type MakeScenario, OWNER, type Run, type Scheduled } from './world.ts'

/** Nothing of it is forgotten here. */
const EVENT = 'the event'

/** A notifier, as each thread has it. */
function share(code: Code, machine: Machine, threads: number): EventNotifier[] {
  const owner = new code.EventNotifier()
  describeNotifier(machine, owner.handle)
  const others = Array.from({ length: threads - 1 }, () => code.EventNotifier.from(owner.handle))
  return [owner, ...others]
}

function take(notifier: EventNotifier, api: ThreadApi): void {
  if (notifier.testAndClear()) api.record({ bh: EVENT, saw: api.observe() } satisfies Run)
}

/** A loop that polls before it sleeps, as often as there is anything; or one that does not. */
function watchForEver(notifier: EventNotifier, api: ThreadApi, polls: boolean): never {
  const watch = notifier.watch()!
  watch.start()
  for (;;) {
    if (polls) {
      watch.begin()
      while (watch.poll()) take(notifier, api)
      watch.end()
    }
    api.wait([notifier.fd], true)
    take(notifier, api)
  }
}

function set(notifier: EventNotifier, api: ThreadApi, times: number): void {
  for (let published = 1; published <= times; published++) {
    api.publish()
    notifier.set()
    api.record({ bh: EVENT, published } satisfies Scheduled)
  }
}

/** Threads set it so many times each, and a loop sleeps, and polls before that or does not. */
export function setters(polls: boolean, ...times: readonly number[]): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', ...times.map((_, i) => `thread ${i + 1}`)],
      setup: () => share(code, machine, times.length + 1),
      bodies: [
        (notifiers, api) => watchForEver(notifiers[OWNER]!, api, polls),
        ...times.map(
          (count, i) => (notifiers: EventNotifier[], api: ThreadApi) => set(notifiers[i + 1]!, api, count),
        ),
      ],
      check: allRan,
    })
}

/** One sets who has the number only, and knows nothing of who polls. */
export const byNumber: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    setup: () => share(code, machine, 1),
    bodies: [
      ([notifier], api) => watchForEver(notifier!, api, true),
      ([notifier]) => code.EventNotifier.fromFd(notifier!.fd).set(),
    ],
    check: ({ records }) =>
      records[OWNER]!.length === 1 ? undefined : `it was set once and seen ${records[OWNER]!.length} times`,
  })

/** Another thread begins to poll, and then stops, or is terminated without having taken anything, which leaves it counted. */
export function another(then: 'stops' | 'dies'): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', 'thread 1', 'poller'],
      setup: () => share(code, machine, 3),
      bodies: [
        (notifiers, api) => watchForEver(notifiers[OWNER]!, api, false),
        (notifiers, api) => set(notifiers[1]!, api, 1),
        (notifiers, api) => {
          const watch: NotifierWatch = notifiers[2]!.watch()!
          watch.start()
          watch.begin()
          const isSet = watch.poll()
          if (then === 'dies') return
          if (isSet) take(notifiers[2]!, api)
          watch.stop()
        },
      ],
      check: (end) => allRan(takenByBoth(end)),
    })
}

/** Whoever takes the event has it. */
function takenByBoth({ ended, records }: End): End {
  const [owner, setter, poller] = records
  return { ended: ended.slice(0, 2), records: [[...owner!, ...poller!], setter!] }
}

/** One who stops leaves what is set to those who wait for the descriptor and are not counted. */
export const left: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    setup: () => share(code, machine, 2),
    bodies: [
      (notifiers, api) => {
        const notifier = notifiers[OWNER]!
        const watch = notifier.watch()!
        watch.start()
        watch.begin()
        watch.stop()
        for (;;) {
          api.wait([notifier.fd], true)
          take(notifier, api)
        }
      },
      (notifiers, api) => set(notifiers[1]!, api, 1),
    ],
    check: allRan,
  })
