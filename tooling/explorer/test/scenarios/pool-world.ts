import type { AioContext } from '@aiokit/aio'
import type { EventNotifier } from '@aiokit/notifier'
import type { ThreadPool } from '@aiokit/thread-pool'
import type { PoolMemory } from '../../../../packages/thread-pool/src/pool-memory.ts'
import type { PoolThread } from '../../../../packages/thread-pool/src/pool-thread.ts'
import { LOOKING, type ThreadStates } from '../../../../packages/thread-pool/src/thread-states.ts'
import type { End } from '../../src/explore.ts'
import type { Code } from '../../src/load.ts'
import type { Machine, ThreadApi } from '../../src/machine.ts'
import { SimulatedMonitor } from '../../src/simulated-monitor.ts'
import type { WorkerData } from '../../src/simulated-threads.ts'
import { describeGate, describeStates, OWNER, type SharedWord, sharedWord } from './world.ts'

const TASK = { module: 'file:///task.js', exportName: 'task' }

// How the memory of a pool is laid out; see packages/thread-pool/src/pool-layout.ts and the bounds in load.ts.
const SLOTS = 2
const THREADS = 80
const THREAD_WORDS = 16
const QUEUE: number = THREADS + 4 * THREAD_WORDS
const LINKS: number = QUEUE + SLOTS
const FIRST_SLOT = 256
const SLOT_WORDS = 128
const NAMES: number = FIRST_SLOT + SLOTS * SLOT_WORDS
const TAIL = 0
const names: Readonly<Record<number, string>> = {
  [TAIL]: 'tail',
  16: 'head',
  32: 'finished',
  48: 'minThreads',
  49: 'idleMs',
  50: 'threadCount',
  64: 'attention',
  65: 'sleep',
}
const ofThread = ['state', 'dismissed', 'wants', 'started']

function nameOf(word: number): string {
  if (word >= NAMES) return `name[${word - NAMES}]`
  if (word >= FIRST_SLOT) {
    const [slot, at] = [Math.floor((word - FIRST_SLOT) / SLOT_WORDS), (word - FIRST_SLOT) % SLOT_WORDS]
    return `slot[${slot}].${at === 0 ? 'state' : at}`
  }
  if (word >= LINKS) return `link[${word - LINKS}]`
  if (word >= QUEUE) return `queue[${word - QUEUE}]`
  if (word >= THREADS) {
    const thread = Math.floor((word - THREADS) / THREAD_WORDS)
    return `thread[${thread}].${ofThread[(word - THREADS) % THREAD_WORDS]}`
  }
  return names[word] ?? `word ${word}`
}

export interface PoolOptions {
  /** Threads that are there at the beginning, and have not looked for work yet. */
  readonly threads: number
  readonly min?: number
  readonly max?: number
  /** Threads that have nothing to do for long may leave. */
  readonly impatient?: boolean
  /** Nothing comes back from the threads; that is explored with one thread. */
  readonly mute?: boolean
  /** The first request was submitted before anything else. */
  readonly submitted?: boolean
  /** Requests 1 and 2 each wait until the other one has begun. */
  readonly together?: boolean
}

interface Thread {
  readonly memory: PoolMemory
  readonly states: ThreadStates
  readonly thread: PoolThread
}

/** What the owner has heard of a request. */
interface Answer {
  readonly request: number
  readonly error: string | null
  readonly result: unknown
}

/** A pool of the first thread, and its threads. The number of a request is its argument; its result is one more. */
export class PoolWorld {
  readonly ctx: AioContext
  readonly pool: ThreadPool
  readonly #code: Code
  readonly #machine: Machine
  readonly #isMute: boolean
  /** Set by those that have begun. */
  readonly #begun: readonly [EventNotifier, EventNotifier] | null
  readonly #started: readonly WorkerData[]
  readonly #threads: readonly Thread[]
  /** Of a thread that is started later. */
  readonly #later: SharedWord
  readonly #laterStarts: { readonly fd: number; set(): void }

  constructor(code: Code, machine: Machine, options: PoolOptions) {
    const { threads, min = 0, max = threads, impatient = false } = options
    const { mute = false, submitted = false, together = false } = options
    this.#code = code
    this.#machine = machine
    this.#isMute = mute
    this.#begun = together ? [new code.EventNotifier(), new code.EventNotifier()] : null
    const monitor = new SimulatedMonitor()
    monitor.api = machine.api
    this.ctx = new code.AioContext({ fdmon: () => monitor })
    const { handle } = this.ctx
    describeGate(machine, handle.gate)
    describeStates(machine, handle.states)
    this.pool = new code.ThreadPool(this.ctx, {
      min: threads,
      max: Math.max(threads, max),
      idleTimeoutMs: impatient ? 1 : 10_000,
    })
    this.ctx.poll(false)
    this.#started = [...machine.threads.started]
    this.#threads = this.#started.map((data) => this.#makeThread(data))
    this.pool.setParams({ min, max })
    this.ctx.poll(false)
    if (submitted) this.submit(machine.api, 1)
    this.#describeMemory()
    this.#later = sharedWord(machine, 'the bottom half of the thread that is started')
    this.#laterStarts = new code.EventNotifier()
    machine.describeFd(this.#laterStarts.fd, 'the start of a thread')
    machine.threads.whenStarted(({ thread, finished }) => {
      this.#later.exchange(1 + thread * 4096 + finished.id * 64 + finished.generation)
      this.#laterStarts.set()
    })
  }

  #makeThread(data: WorkerData): Thread {
    const memory = new this.#code.PoolMemory(data.memory)
    const states = new this.#code.ThreadStates(memory)
    states.setStarted(data.thread, true)
    return { memory, states, thread: new this.#code.PoolThread(memory, states, data as never) }
  }

  #describeMemory(): void {
    const words = new this.#machine.globals.Int32Array(this.#started[0]!.memory)
    const each = Array.from({ length: SLOTS }, (_, i) => i)
    // The owner writes a place in the queue plainly, and the word of a slot that is free. A thread that reads the first too
    // late finds out by the second, and what it compares that with it never was before.
    const relaxed = each.flatMap((i) => [QUEUE + i, FIRST_SLOT + i * SLOT_WORDS])
    this.#machine.describe(words, nameOf, { relaxed })
    for (const [i, { lifeline }] of this.#started.entries())
      this.#machine.describeFd(lifeline, `the lifeline of thread ${i + 1}`)
  }

  /** The body of a thread that was there at the beginning. */
  run(thread: number, api: ThreadApi): void {
    api.lifeline(this.#started[thread - 1]!.lifeline)
    this.#work(this.#threads[thread - 1]!, api)
  }

  /** The body of the one thread that the pool may start later. */
  runLater(api: ThreadApi): void {
    api.wait([this.#laterStarts.fd], true)
    const packed = this.#later.load() - 1
    const [first] = this.#started
    const finished = { loop: first!.finished.loop, id: (packed >> 6) & 63, generation: packed & 63 }
    this.#work(this.#makeThread({ ...first!, thread: packed >> 12, finished }), api)
  }

  #work({ memory, states, thread }: Thread, api: ThreadApi): void {
    let state = LOOKING
    let hasLoaded = false
    this.#machine.threads.task = (request) => {
      hasLoaded = true
      api.record(request)
      if (this.#begun !== null) {
        const [one, two] = this.#begun
        const [mine, others] = request === 1 ? [one, two] : [two, one]
        mine.set()
        api.wait([others.fd], true)
      }
      return request + 1
    }
    // The thread begins anew whenever it looks for work: it remembers its state, and whether it has loaded the task.
    const { take } = memory
    const { setState } = states
    memory.take = (number) => {
      api.at(`${state} ${hasLoaded}`)
      return take.call(memory, number)
    }
    states.setState = (number, to) => {
      setState.call(states, number, to)
      state = to
    }
    if (this.#isMute) memory.finished.push = () => false
    void thread.run()
  }

  /** Returns a function that cancels the request, and notes it if it was in time. */
  submit(api: ThreadApi, request: number, { byMessage = false, after = () => {} } = {}): () => void {
    const done = (error: Error | null, result: unknown): void => {
      api.record({ request, error: error?.message ?? null, result } satisfies Answer)
      after()
    }
    const options = byMessage ? { transfer: [new ArrayBuffer(1)] } : {}
    const submitted = this.pool.submitAio(TASK as never, request as never, done as never, options)
    return () => {
      if (submitted.cancelAsync()) api.record({ cancelled: request })
    }
  }

  serve(): never {
    for (;;) this.ctx.poll(true)
  }
}

/** By request, how often threads have begun it. */
export function timesRun({ records }: End, request: number): number {
  return records
    .slice(OWNER + 1)
    .flat()
    .filter((each) => each === request).length
}

/** Each request was answered exactly once, with what came of it: it ran once, or did not run and was cancelled. */
export function allAnswered(end: End, requests: readonly number[], mayDie = false): string | undefined {
  const answers = end.records[OWNER]!.filter((note) => 'error' in (note as object)) as Answer[]
  for (const request of requests) {
    const mine = answers.filter((answer) => answer.request === request)
    if (mine.length !== 1) return `request ${request} has ${mine.length} answers, and the owner sleeps`
    const [{ error, result }] = mine as [Answer]
    const times = timesRun(end, request)
    if (error === null && result !== request + 1) return `request ${request} has the result ${result}`
    if (error === null && times !== 1) return `request ${request} gave a result and ran ${times} times`
    if (error !== null && !mayDie) return `request ${request} failed: ${error}`
    if (times > 1) return `request ${request} ran ${times} times`
  }
  return undefined
}
