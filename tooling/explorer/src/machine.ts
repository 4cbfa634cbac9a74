import type { Access, Op } from './access.ts'
import { addressOf, modelEventfds } from './eventfd.ts'

/** Ends the run of a thread at its first access whose result is not known yet. */
const STOP: unique symbol = Symbol('the thread is not further than this')

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
  /** Waits until one of these descriptors is readable, or with `sleep` false only looks. Returns which are. */
  wait(fds: readonly number[], sleep: boolean): boolean[]
}

/** What the code is given in the place of what has these names. */
export interface Globals {
  readonly Atomics: typeof Atomics
  readonly Int32Array: typeof Int32Array
  readonly SharedArrayBuffer: typeof SharedArrayBuffer
  readonly FinalizationRegistry: typeof FinalizationRegistry
}

/** How far a thread gets with the results that its accesses have had. */
export interface Progress {
  /** What it does next; null if it has ended. */
  readonly next: Access | null
  readonly records: readonly unknown[]
  readonly error: unknown
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
  /** By the first address of an array, what its words are called in a counterexample. */
  readonly #names: Map<number, (index: number) => string> = new Map()
  /** What the setup left in memory, by address. */
  readonly memory: Map<number, number> = new Map()
  readonly #statistics: Set<number> = new Set()
  #addresses = 0
  /** Null during the setup, whose accesses are made at once. */
  #results: readonly number[] | null = null
  #position = 0
  #next: Access | null = null
  #records: unknown[] = []
  #stacks: string[] | null = null
  #threads = 0

  constructor() {
    this.globals = this.#makeGlobals()
    this.sys = modelEventfds({
      allocate: () => this.#allocate(1),
      access: (op, address) => this.access({ op, address, a: 0, b: 0 }),
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
    this.#addresses = 0
    this.#results = null
    this.#next = null
    this.#records = []
    this.#position = 0
    this.#threads = options.threads
    this.#stacks = options.traced === true ? [] : null
    const env = setup()
    this.#results = results
    let error: unknown = null
    try {
      body(env, this.#api())
    } catch (thrown) {
      if (this.#next === null) error = thrown
    }
    return { next: this.#next, records: this.#records, error, stacks: this.#stacks ?? [] }
  }

  /**
   * Gives the words of an array names, for counterexamples.
   *
   * @param statistics words in which something is counted, and which nobody goes by: they are not explored
   */
  describe(words: Int32Array, name: (index: number) => string, statistics: readonly number[] = []): void {
    const { base } = words.buffer as unknown as SharedBuffer
    this.#names.set(base, name)
    for (const index of statistics) this.#statistics.add(base + index)
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
    if (this.#position < this.#results.length) return this.#results[this.#position++]!
    this.#next = access
    throw STOP
  }

  #initialize({ op, address, a }: Access): number {
    const before = this.memory.get(address) ?? 0
    if (op === 'store' || op === 'write' || op === 'exchange') this.memory.set(address, a)
    else if (op !== 'load' && op !== 'read') throw new Error(`${op} in the setup is not modelled`)
    return before
  }

  #allocate(words: number): number {
    const base = this.#addresses
    this.#addresses += words
    return base
  }

  #api(): ThreadApi {
    const ghost = (op: Op): number => this.access({ op, address: -1, a: 0, b: 0 })
    return {
      publish: () => void ghost('publish'),
      observe: () => {
        const seen = ghost('observe')
        return Array.from({ length: this.#threads }, (_, thread) => (seen >> (4 * thread)) & 15)
      },
      record: (value) => void this.#records.push(value),
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
    const machine = this
    class Buffer extends SharedBuffer {
      constructor(byteLength: number) {
        super(machine.#allocate(byteLength / 4), byteLength)
      }
    }
    class Words {
      readonly buffer: SharedBuffer
      readonly length: number

      constructor(buffer: SharedBuffer) {
        if (!(buffer instanceof SharedBuffer))
          throw new Error('An Int32Array of its own memory is not modelled')
        this.buffer = buffer
        this.length = buffer.byteLength / 4
        // biome-ignore lint/correctness/noConstructorReturn: the elements are accessed by way of a proxy
        return new Proxy(this, elements)
      }

      static get BYTES_PER_ELEMENT(): number {
        return 4
      }
    }
    const at = (words: Words, index: number): number => {
      if (!(Number.isInteger(index) && index >= 0 && index < words.length))
        throw new Error(`There is no word ${index}: there are ${words.length}`)
      return words.buffer.base + index
    }
    const isIndex = (key: string | symbol): key is string => typeof key === 'string' && /^-?\d+$/.test(key)
    const elements: ProxyHandler<Words> = {
      get(words, key) {
        if (!isIndex(key)) return Reflect.get(words, key)
        return machine.access({ op: 'read', address: at(words, Number(key)), a: 0, b: 0 })
      },
      set(words, key, value: number) {
        if (!isIndex(key)) throw new Error(`Setting ${String(key)} is not modelled`)
        machine.access({ op: 'write', address: at(words, Number(key)), a: value | 0, b: 0 })
        return true
      },
    }
    const atomic =
      (op: Op) =>
      (words: Words, index: number, a = 0, b = 0): number =>
        machine.access({ op, address: at(words, index), a: a | 0, b: b | 0 })
    const ops = ['load', 'store', 'add', 'sub', 'and', 'or', 'exchange', 'compareExchange'] as const
    return {
      SharedArrayBuffer: Buffer,
      Int32Array: Words,
      Atomics: Object.fromEntries(ops.map((op) => [op, atomic(op)])),
      // What is forgotten is closed at some time or other; nothing here depends on it.
      FinalizationRegistry: class {
        register(): void {}
        unregister(): void {}
      },
    } as unknown as Globals
  }
}

class SharedBuffer {
  readonly base: number
  readonly byteLength: number

  constructor(base: number, byteLength: number) {
    this.base = base
    this.byteLength = byteLength
  }
}
