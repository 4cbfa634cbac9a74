import type { Access } from './access.ts'

/**
 * Memory and what each thread is sure to see of what others did: what happened before, as the memory model of JavaScript
 * has it (an atomic read of an atomic write). Two accesses of which one writes and that no such chain orders are a data
 * race, unless both are atomic; where there is none, every execution is an interleaving, so that trying the
 * interleavings is enough.
 *
 * A system call orders nothing: that eventfds do is nowhere promised.
 */
export class State {
  /** Of each thread, how much of every thread it has seen: plain accesses, then publications. */
  readonly clocks: Clock[]
  readonly followsClocks: boolean
  /** By slot, of which an address gets one when it is accessed; undefined where this state's past has no access. */
  readonly #words: (Word | undefined)[]
  readonly #interned: Interned

  /** @param followsClocks whether races are looked for, and what threads are sure to see */
  constructor(threads: number, followsClocks: boolean, from: State | null = null) {
    this.followsClocks = followsClocks
    this.clocks = from === null ? [] : from.clocks.slice()
    this.#words = from === null ? [] : from.#words.slice()
    this.#interned =
      from === null ? { clocks: new Map(), words: new Map(), slots: new Map() } : from.#interned
    if (from !== null) return
    for (let i = 0; i < threads; i++) this.clocks.push(this.clock(new Array(2 * threads).fill(0)))
  }

  copy(): State {
    return new State(this.clocks.length, this.followsClocks, this)
  }

  /** The one object for such a clock. */
  clock(counts: readonly number[]): Clock {
    return intern(this.#interned.clocks, String.fromCharCode(...counts), (id) => ({ id, counts }))
  }

  /** Undefined if it was not accessed since the setup. */
  get(address: number): Word | undefined {
    const slot = this.#interned.slots.get(address)
    return slot === undefined ? undefined : this.#words[slot]
  }

  put(address: number, value: number, plain: boolean, clock: Clock): void {
    const key = `${value},${plain},${clock.id}`
    const { slots } = this.#interned
    let slot = slots.get(address)
    if (slot === undefined) {
      slot = slots.size
      slots.set(address, slot)
    }
    while (this.#words.length < slot) this.#words.push(undefined)
    this.#words[slot] = intern(this.#interned.words, key, (id) => ({ id, value, plain, clock }))
  }

  /** Adds numbers by which two states that began as the same one are equal or not. */
  addKey(key: number[]): void {
    for (const { id } of this.clocks) key.push(id)
    for (const word of this.#words) key.push(word?.id ?? -1)
  }
}

/** Never changed, so that states share it. */
interface Clock {
  readonly id: number
  readonly counts: readonly number[]
}

/** Never changed, so that states share it. */
interface Word {
  readonly id: number
  readonly value: number
  readonly plain: boolean
  /**
   * Of an atomic word, the clock of its last write. Of a plain one the last write of each thread and then the last read,
   * by the number of its plain accesses.
   */
  readonly clock: Clock
}

interface Interned {
  readonly clocks: Map<string, Clock>
  readonly words: Map<string, Word>
  readonly slots: Map<number, number>
}

function intern<T>(known: Map<string, T>, key: string, make: (id: number) => T): T {
  let value = known.get(key)
  if (value === undefined) {
    value = make(known.size)
    known.set(key, value)
  }
  return value
}

/** Whether the access can be made now, or the thread sleeps. */
export function isEnabled(
  state: State,
  initial: ReadonlyMap<number, number>,
  thread: number,
  access: Access,
): boolean {
  if (access.op === 'parked') return !isParked(state, thread, access)
  if (access.op !== 'wait' || access.a === 0) return true
  return access.all!.some((address) => valueAt(state, initial, address) > 0)
}

/** Whether the thread sleeps in Atomics.wait() and was not woken. */
export function isParked(state: State, thread: number, { op, address }: Access): boolean {
  return op === 'parked' && (sleepers(state, address) & (1 << thread)) !== 0
}

/** The threads that sleep on a word, a bit for each. They have a word of their own. */
function sleepers(state: State, address: number): number {
  return state.get(besides(address))?.value ?? 0
}

function besides(address: number): number {
  return -2 - address
}

export function valueAt(state: State, initial: ReadonlyMap<number, number>, address: number): number {
  return state.get(address)?.value ?? initial.get(address) ?? 0
}

/** Makes the access in `state` and returns its result. @throws Race */
export function apply(
  state: State,
  initial: ReadonlyMap<number, number>,
  thread: number,
  access: Access,
): number {
  const { op, address, a } = access
  const threads = state.clocks.length
  const before = valueAt(state, initial, address)
  switch (op) {
    case 'publish':
      tick(state, thread, threads + thread)
      return 0
    case 'observe':
      return state.clocks[thread]!.counts.slice(threads).reduce(
        (sum, seen, other) => sum | (seen << (4 * other)),
        0,
      )
    // A system call orders nothing, that of a message port included.
    case 'send':
      if (before !== 0) throw new Error('A port that holds two messages is not modelled')
      state.put(address, a, true, state.clock([]))
      return 0
    case 'receive':
    case 'eventfdRead':
    case 'eventfdWrite':
      state.put(address, valueAfter(access, before), true, state.clock([]))
      return op === 'eventfdWrite' ? 0 : before
    case 'wait':
      return access.all!.reduce((mask, each, i) => mask | (valueAt(state, initial, each) > 0 ? 1 << i : 0), 0)
    case 'read':
      plain(state, thread, access, before)
      return before
    case 'write':
      plain(state, thread, access, a)
      return 0
    case 'relaxedRead':
      requireSeen(state, thread, address)
      return before
    // It orders nothing.
    case 'relaxedWrite':
      state.put(address, a, false, state.clock(new Array<number>(2 * threads).fill(0)))
      return 0
    case 'park':
      acquire(state, thread, address)
      if (before !== a) return 0
      state.put(besides(address), sleepers(state, address) | (1 << thread), true, state.clock([]))
      return 1
    case 'parked': {
      const timedOut = isParked(state, thread, access)
      if (timedOut)
        state.put(besides(address), sleepers(state, address) & ~(1 << thread), true, state.clock([]))
      return timedOut ? 1 : 0
    }
    // All of them. That it orders anything is not counted on, though it does.
    case 'notify':
      state.put(besides(address), 0, true, state.clock([]))
      return 0
    case 'load':
      acquire(state, thread, address)
      return before
    case 'store':
      release(state, thread, address, a)
      return a
    case 'compareExchange':
      acquire(state, thread, address)
      if (before === a) release(state, thread, address, valueAfter(access, before))
      return before
    default:
      acquire(state, thread, address)
      release(state, thread, address, valueAfter(access, before))
      return before
  }
}

/** Two accesses that nothing orders. */
export class Race extends Error {
  readonly address: number
  readonly other: number

  constructor(address: number, other: number) {
    super('data race')
    this.address = address
    this.other = other
  }
}

/** What the word holds after the access. */
export function valueAfter({ op, a, b }: Access, before: number): number {
  switch (op) {
    case 'add':
      return (before + a) | 0
    case 'sub':
      return (before - a) | 0
    case 'and':
      return before & a
    case 'or':
      return before | a
    case 'compareExchange':
      return before === a ? b : before
    case 'store':
    case 'exchange':
    case 'write':
    case 'relaxedWrite':
    case 'send':
      return a
    // Of the counter only which halves of it are not zero matters.
    case 'eventfdWrite':
      return before | a
    case 'eventfdRead':
    case 'receive':
      return 0
    default:
      return before
  }
}

function tick(state: State, thread: number, component: number): void {
  if (!state.followsClocks) throw new Error('What is published is followed by the clocks')
  const { counts } = state.clocks[thread]!
  state.clocks[thread] = state.clock(counts.with(component, counts[component]! + 1))
}

function acquire(state: State, thread: number, address: number): void {
  if (!state.followsClocks) return
  const word = state.get(address)
  if (word === undefined) return
  requireKind(word, false)
  const mine = state.clocks[thread]!
  if (word.clock === mine) return
  const theirs = word.clock.counts
  if (theirs.some((seen, i) => seen > mine.counts[i]!))
    state.clocks[thread] = state.clock(mine.counts.map((seen, i) => Math.max(seen, theirs[i]!)))
}

/** The last write alone counts: a reader is ordered after the write that it reads, not after those before. */
function release(state: State, thread: number, address: number, value: number): void {
  requireKind(state.get(address), false)
  state.put(address, value, false, state.clocks[thread]!)
}

function plain(state: State, thread: number, { op, address }: Access, value: number): void {
  if (!state.followsClocks) {
    if (op === 'write') state.put(address, value, true, state.clocks[thread]!)
    return
  }
  const threads = state.clocks.length
  const word = state.get(address)
  requireKind(word, true)
  const accesses = word?.clock.counts ?? new Array<number>(2 * threads).fill(0)
  const mine = state.clocks[thread]!.counts
  for (let other = 0; other < threads; other++) {
    const conflict =
      accesses[other]! > mine[other]! || (op === 'write' && accesses[threads + other]! > mine[other]!)
    if (other !== thread && conflict) throw new Race(address, other)
  }
  tick(state, thread, thread)
  const component = op === 'write' ? thread : threads + thread
  const count = state.clocks[thread]!.counts[thread]!
  state.put(address, value, true, state.clock(accesses.with(component, count)))
}

/**
 * What reads an atomic word plainly has to have seen its last write, as the thread has that alone writes it. A write that
 * comes later, and that nothing orders, comes before in another interleaving.
 */
function requireSeen(state: State, thread: number, address: number): void {
  const word = state.get(address)
  requireKind(word, false)
  const mine = state.clocks[thread]!.counts
  const behind = word?.clock.counts.findIndex((seen, i) => seen > mine[i]!) ?? -1
  if (behind >= 0) throw new Race(address, behind % mine.length)
}

function requireKind(word: Word | undefined, plain: boolean): void {
  if (word !== undefined && word.plain !== plain)
    throw new Error('A word that is accessed atomically and written plainly has to be described as relaxed')
}
