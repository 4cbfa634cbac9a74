import type { AioContext, RemoteContext } from '@aiokit/aio'
import type { BottomHalf, RemoteBottomHalf } from '@aiokit/bottom-halves'
import type { EventNotifierHandle, NotifyGateHandle } from '@aiokit/notifier'
import type { End, Scenario } from '../../src/explore.ts'
import type { Code } from '../../src/load.ts'
import type { Machine, ThreadApi } from '../../src/machine.ts'
import { SimulatedMonitor } from '../../src/simulated-monitor.ts'

export type MakeScenario = (code: Code, machine: Machine) => Scenario

/** What the callback of a bottom half saw of the publications of each thread. */
export interface Run {
  readonly bh: string
  readonly saw: readonly number[]
}

/** What a thread published and then scheduled. */
export interface Scheduled {
  readonly bh: string
  /** How many publications the thread had made before the schedule. */
  readonly published: number
}

/** The thread whose loop it is. */
export const OWNER = 0

const GATE = ['notifyMe', 'notified', 'writes', 'avoided']
const STATISTICS = [2, 3]
const NOTIFIER = ['flags', 'sleepers', 'pollers']
const FIRST_STATE = 2
const FIRST_LINK: number = FIRST_STATE + 4096

export function describeGate(machine: Machine, { words, notifier }: NotifyGateHandle): void {
  machine.describe(words, (i) => GATE[i]!, { statistics: STATISTICS })
  machine.describeFd(notifier.fd, 'the notifier')
}

export function describeStates(machine: Machine, words: Int32Array): void {
  machine.describe(words, (i) => {
    if (i === 0) return 'head'
    if (i < FIRST_STATE) return 'loop'
    return i < FIRST_LINK ? `state[${i - FIRST_STATE}]` : `link[${i - FIRST_LINK}]`
  })
}

export function describeNotifier(machine: Machine, { fd, words }: EventNotifierHandle): void {
  machine.describe(words!, (i) => NOTIFIER[i]!)
  machine.describeFd(fd, 'the descriptor')
}

export interface SharedWord {
  load(): number
  exchange(value: number): number
}

/** A word that the threads share besides. */
export function sharedWord(machine: Machine, name: string): SharedWord {
  const { globals } = machine
  const words = new globals.Int32Array(new globals.SharedArrayBuffer(4))
  machine.describe(words, () => name)
  return {
    load: () => globals.Atomics.load(words, 0),
    exchange: (value) => globals.Atomics.exchange(words, 0, value),
  }
}

/** A context of the first thread, which the others reach by its handle. */
export class World {
  readonly monitor: SimulatedMonitor = new SimulatedMonitor()
  readonly ctx: AioContext
  readonly #remotes: readonly RemoteContext[]
  #api: ThreadApi | null = null

  constructor(code: Code, machine: Machine, others: number) {
    this.ctx = new code.AioContext({ fdmon: () => this.monitor })
    const { handle } = this.ctx
    describeGate(machine, handle.gate)
    describeStates(machine, handle.states)
    this.#remotes = Array.from({ length: others }, () => code.RemoteContext.from(handle))
  }

  /** The context as another thread has it, by its number. */
  remote(thread: number): RemoteContext {
    return this.#remotes[thread - 1]!
  }

  /** A shared bottom half that notes its runs. */
  bottomHalf(bh: string, then: () => void = () => {}): BottomHalf {
    const callback = (): void => {
      this.#api!.record({ bh, saw: this.#api!.observe() } satisfies Run)
      then()
    }
    return this.ctx.createBottomHalf(callback, { shared: true })
  }

  /** In the body of the owner, before anything else. */
  begin(api: ThreadApi): void {
    this.#api = api
    this.monitor.api = api
  }

  /** What the loop of a context does until the end of the world. */
  serve(): never {
    for (;;) this.ctx.poll(true)
  }
}

export function schedule(api: ThreadApi, bh: string, remote: RemoteBottomHalf, times: number): void {
  for (let published = 1; published <= times; published++) {
    api.publish()
    api.record(remote.schedule() ? ({ bh, published } satisfies Scheduled) : { refused: bh })
  }
}

/**
 * What B1 and N5 ask for: while the loop sleeps nothing that was scheduled is left undone: a run followed that saw what
 * was published before. And there were no more runs than schedules.
 *
 * @param excused what need not run
 * @param mayRefuse whether a bottom half may have been deleted
 */
export function allRan(
  { ended, records }: End,
  excused: (thread: number, entry: Scheduled) => boolean = () => false,
  mayRefuse = false,
): string | undefined {
  const runs = records[OWNER] as readonly Run[]
  for (const note of records.slice(1).flat() as { refused?: string }[])
    if (note.refused !== undefined && !mayRefuse) return `"${note.refused}" could not be scheduled`
  const scheduled = records
    .slice(1)
    .map((notes) =>
      notes.filter((note) => !('refused' in (note as object))),
    ) as readonly (readonly Scheduled[])[]
  for (const [i, entries] of scheduled.entries()) {
    const thread = i + 1
    if (!ended[thread]) return `thread ${thread} hangs`
    for (const entry of entries) {
      if (excused(thread, entry)) continue
      if (!runs.some(({ bh, saw }) => bh === entry.bh && saw[thread]! >= entry.published))
        return `"${entry.bh}", which thread ${thread} scheduled, did not run, or did not see what the thread had written, and the owner sleeps`
    }
  }
  for (const name of new Set(runs.map(({ bh }) => bh))) {
    const ran = runs.filter(({ bh }) => bh === name).length
    const times = scheduled.flat().filter(({ bh }) => bh === name).length
    if (ran > times) return `"${name}" was scheduled ${times} times and ran ${ran} times`
  }
  return undefined
}
