import type { EventNotifier } from '@aiokit/notifier'
import type { AtomicSList } from '@aiokit/qlist'
import { scenario } from '../../src/explore.ts'
import type { ThreadApi } from '../../src/machine.ts'
import { type MakeScenario, type SharedWord, sharedWord } from './world.ts'

/** Ids of the list; each thread that pushes has one of its own and one for both. */
const IDS = 3
const COMMON = 2

/** Two threads push ids, with a flag for each as the list asks for, while a third takes them. */
export const list: MakeScenario = (code, machine) =>
  scenario({
    threads: ['taker', 'thread 1', 'thread 2'],
    setup() {
      const { globals } = machine
      const words = new globals.Int32Array(new globals.SharedArrayBuffer(4 * (IDS + 1)))
      machine.describe(words, (i) => (i === 0 ? 'head' : `link[${i - 1}]`))
      return {
        // One for each thread.
        lists: [0, 1, 2].map(() => new code.AtomicSList(words, 0, 1)),
        flags: Array.from({ length: IDS }, (_, id) => sharedWord(machine, `flag[${id}]`)),
        ended: [0, 1].map(() => new code.EventNotifier()),
      }
    },
    bodies: [
      ({ lists, flags, ended }, api) => {
        const take = (): void => {
          for (const id of lists[0]!.takeAll()) {
            flags[id]!.exchange(0)
            api.record(id)
          }
        }
        take()
        for (const { fd } of ended) {
          api.wait([fd], true)
          take()
        }
      },
      (env, api) => pushTwo(env, api, 1),
      (env, api) => pushTwo(env, api, 2),
    ],
    check({ ended, records }) {
      if (!ended.every(Boolean)) return 'a thread hangs'
      const [taken, ...pushed] = records as number[][]
      for (let id = 0; id < IDS; id++) {
        const times = [taken!, pushed.flat()].map((ids) => ids.filter((each) => each === id).length)
        if (times[0] !== times[1]) return `${id} was pushed ${times[1]} times and taken ${times[0]} times`
      }
      return undefined
    },
  })

function pushTwo(
  { lists, flags, ended }: { lists: AtomicSList[]; flags: SharedWord[]; ended: EventNotifier[] },
  api: ThreadApi,
  thread: number,
): void {
  for (const id of [thread - 1, COMMON]) {
    if (flags[id]!.exchange(1) !== 0) continue
    lists[thread]!.push(id)
    api.record(id)
  }
  ended[thread - 1]!.set()
}
