import type { Access, Op } from './access.ts'
import { addressOf, modelEventfds } from './eventfd.ts'
import { EXIT, SimulatedThreads } from './simulated-threads.ts'
import { valueAfter } from './state.ts'
import { makeTypedArrays, type SharedBuffer, type Words } from './typed-arrays.ts'

/** Ends the run of a thread at its first access whose result is not known yet. */
const STOP: unique symbol = Symbol('the thread is not further than this')

/** A wait that lasts so long does not end by itself: what depends on that is lost. */
const LONG_MS = 1000

/** What a thread of a scenario can do besides running the code. */
export interface ThreadApi {
  /** This thread has made something known: the memory that it wrote before, or a number. */
  publish(): void
  /**
   * By thread, how many of its `publish()` this thread is sure to see: those that happened before. That is less than what
   * was done before in time; and it is what plain memory may show.
   */
  observe(): number[]
  /** Notes something for the `check` of the scenario. */
  record(value: unknown): void
  /**
   * Says that all that this thread does from here on follows from `state` and from what it has noted, however it came
   * here. Without this it follows from all that the thread has read, and a loop never comes to where it was.
   */
  at(state: string): void
  /** Of the thread that this body is: becomes readable when it has ended. */
  lifeline(fd: number): void
  /** Waits until one of these descriptors is readable, or with `sleep` false only looks. Returns which are. */
  wait(fds: readonly number[], sleep: boolean): boolean[]
}

/** What the code is given in the place of what has these names. */
export interface Globals {
  readonly Atomics: typeof Atomics
  readonly Int32Array: typeof Int32Array
  readonly Float64Array: typeof Float64Array
  readonly Uint8Array: typeof Uint8Array
  readonly DataView: typeof DataView
  readonly SharedArrayBuffer: typeof SharedArrayBuffer
  readonly FinalizationRegistry: typeof FinalizationRegistry
  readonly process: typeof process
  readonly setImmediate: typeof setImmediate
}

/** How far a thread gets with the results that its accesses have had. */
export interface Progress {
  /** What it does next; null if it has ended. */
  readonly next: Access | null
  readonly records: readonly unknown[]
  readonly error: unknown
  /** The eventfd that becomes readable when the thread is terminated; null if nobody notices. */
  readonly lifeline: number | null
  /** What it has said of where it is (see `ThreadApi.at`), if it has done nothing since. */
  readonly at: string | null
  /** With `traced`, for each access where it is in the code. */
  readonly stacks: readonly string[]
}

/**
 * A simulated computer: what the code takes for `Int32Array`, `SharedArrayBuffer`, `Atomics` and eventfds.
 *
 * A thread is run again from its beginning for each of its steps: the accesses that it has made get the results that
 * they had, and the first one that is new ends the run. So the code is the real one and need not be suspended.
 */
export class Machine {
  readonly globals: Globals
  /** In the place of `@aiokit/sys`. */
  readonly sys: Record<string, unknown>
  readonly threads: SimulatedThreads
  /** Of whichever thread is run. During the setup it is there too. */
  readonly api: ThreadApi
  /** By the first address of an array, what its words are called in a counterexample. */
  readonly #names: Map<number, (index: number) => string> = new Map()
  /** What the setup left in memory, by address. */
  readonly memory: Map<number, number> = new Map()
  readonly #statistics: Set<number> = new Set()
  readonly #relaxed: Set<number> = new Set()
  #addresses = 0
  /** Null during the setup, whose accesses are made at once. */
  #results: readonly number[] | null = null
  #position = 0
  #next: Access | null = null
  #records: unknown[] = []
  #stacks: string[] | null = null
  #count = 0
  #lifeline: number | null = null
  #at: string | null = null

  constructor() {
    this.threads = new SimulatedThreads({
      allocate: () => this.#allocate(1),
      access: (op, address, a) => this.access({ op, address, a, b: 0 }),
      exit: () => {
        if (this.#lifeline !== null) this.access({ op: 'eventfdWrite', address: this.#lifeline, a: 1, b: 0 })
        throw EXIT
      },
    })
    this.globals = this.#makeGlobals()
    this.api = this.#makeApi()
    this.sys = modelEventfds({
      allocate: () => this.#allocate(1),
      access: (op, address, a) => this.access({ op, address, a, b: 0 }),
    })
  }

  /**
   * Runs `setup` and then `body` with what it made.
   *
   * @param results what the accesses of `body` have given so far
   */
  run<E>(
    setup: () => E,
    body: (env: E, api: ThreadApi) => void,
    results: readonly number[],
    options: { threads: number; traced?: boolean },
  ): Progress {
    this.#names.clear()
    this.memory.clear()
    this.#statistics.clear()
    this.#relaxed.clear()
    this.threads.clear()
    this.#lifeline = null
    this.#at = null
    this.#addresses = 0
    this.#results = null
    this.#next = null
    this.#records = []
    this.#position = 0
    this.#count = options.threads
    this.#stacks = options.traced === true ? [] : null
    const env = setup()
    this.#results = results
    let error: unknown = null
    try {
      body(env, this.api)
    } catch (thrown) {
      if (this.#next === null && thrown !== EXIT) error = thrown
    }
    return {
      next: this.#next,
      records: this.#records,
      error,
      lifeline: this.#lifeline,
      at: this.#at,
      stacks: this.#stacks ?? [],
    }
  }

  /**
   * Gives the words of an array names, for counterexamples.
   *
   * @param statistics words in which something is counted, and which nobody goes by: they are not explored
   * @param relaxed words that are accessed plainly as well as atomically, which is otherwise taken for a mistake. Plain
   *   writes of them order nothing; plain reads are for those who have seen the last write.
   */
  describe(
    words: Int32Array,
    name: (index: number) => string,
    { statistics = [], relaxed = [] }: { statistics?: readonly number[]; relaxed?: readonly number[] } = {},
  ): void {
    const { base } = words.buffer as unknown as SharedBuffer
    this.#names.set(base, name)
    for (const index of statistics) this.#statistics.add(base + index)
    for (const index of relaxed) this.#relaxed.add(base + index)
  }

  describeFd(fd: number, name: string): void {
    this.#names.set(addressOf(fd), () => name)
  }

  nameOf(address: number): string {
    const base = [...this.#names.keys()]
      .filter((each) => each <= address)
      .reduce((a, b) => Math.max(a, b), -1)
    return this.#names.get(base)?.(address - base) ?? `word ${address}`
  }

  access(access: Access): number {
    if (this.#statistics.has(access.address)) {
      if (access.op !== 'add' && access.op !== 'load')
        throw new Error(`${access.op} of a word that holds statistics: it is to be explored`)
      return 0
    }
    if (this.#results === null) return this.#initialize(access)
    // A `finally` that runs because of the stop is not part of what the thread does.
    if (this.#next !== null) throw STOP
    this.#stacks?.push(new Error().stack ?? '')
    if (this.#position < this.#results.length) {
      this.#at = null
      return this.#results[this.#position++]!
    }
    this.#next = access
    throw STOP
  }

  #initialize(access: Access): number {
    const { op, address } = access
    const before = this.memory.get(address) ?? 0
    switch (op) {
      // Nobody sleeps yet, and nothing is published.
      case 'notify':
      case 'observe':
        return 0
      case 'wait':
        if (access.a === 1) throw new Error('The setup cannot sleep')
        return access.all!.reduce(
          (mask, each, i) => mask | ((this.memory.get(each) ?? 0) > 0 ? 1 << i : 0),
          0,
        )
      case 'park':
      case 'parked':
      case 'publish':
        throw new Error(`${op} in the setup is not modelled`)
      default:
        this.memory.set(address, valueAfter(access, before))
        return op === 'eventfdWrite' ? 0 : before
    }
  }

  #allocate(words: number): number {
    const base = this.#addresses
    this.#addresses += words
    return base
  }

  #makeApi(): ThreadApi {
    const ghost = (op: Op): number => this.access({ op, address: -1, a: 0, b: 0 })
    return {
      publish: () => void ghost('publish'),
      observe: () => {
        const seen = ghost('observe')
        return Array.from({ length: this.#count }, (_, thread) => (seen >> (4 * thread)) & 15)
      },
      // What is caught and noted after the stop is not part of what the thread does.
      record: (value) => {
        if (this.#next === null) this.#records.push(value)
      },
      at: (state) => {
        if (this.#next === null) this.#at = state
      },
      lifeline: (fd) => {
        this.#lifeline = addressOf(fd)
      },
      wait: (fds, sleep) => {
        const addresses = fds.map(addressOf)
        const ready = this.access({
          op: 'wait',
          address: addresses[0]!,
          a: sleep ? 1 : 0,
          b: 0,
          all: addresses,
        })
        return fds.map((_, i) => ((ready >> i) & 1) === 1)
      },
    }
  }

  #makeGlobals(): Globals {
    const arrays = makeTypedArrays({
      allocate: (words) => this.#allocate(words),
      read: (address) =>
        this.access({ op: this.#relaxed.has(address) ? 'relaxedRead' : 'read', address, a: 0, b: 0 }),
      write: (address, a) =>
        void this.access({ op: this.#relaxed.has(address) ? 'relaxedWrite' : 'write', address, a, b: 0 }),
    })
    const atomic =
      (op: Op) =>
      (words: Words, index: number, a = 0, b = 0): number =>
        this.access({ op, address: words.addressOf(index), a: a | 0, b: b | 0 })
    const ops = ['load', 'store', 'add', 'sub', 'and', 'or', 'exchange', 'compareExchange'] as const
    return {
      ...arrays,
      Atomics: {
        ...Object.fromEntries(ops.map((op) => [op, atomic(op)])),
        notify: atomic('notify'),
        wait: (words: Words, index: number, expected: number, timeoutMs = Number.POSITIVE_INFINITY) => {
          if (atomic('park')(words, index, expected) === 0) return 'not-equal'
          return atomic('parked')(words, index, timeoutMs < LONG_MS ? 1 : 0) === 0 ? 'ok' : 'timed-out'
        },
      },
      // What is forgotten is closed at some time or other; nothing here depends on it.
      FinalizationRegistry: class {
        register(): void {}
        unregister(): void {}
      },
      process: this.threads.process,
      // Node's loop has nothing to do.
      setImmediate: (callback: () => void) => callback(),
    } as unknown as Globals
  }
}
