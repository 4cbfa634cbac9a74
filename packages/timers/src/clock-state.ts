import { SELF, SharedLock } from './shared-lock.ts'
import { fileOf, isFile, wake } from './wake-fd.ts'

// The memory of one clock, shared by all threads that have it, in 32-bit words.
const ENABLED = 0
/** Odd while the time and ENABLED are being changed. */
const VERSION = 1
/** Counts the events that a thread in `waitForOthers` may be waiting for. */
const STIR = 2
/** Passes of lists that found no free row. */
const OTHER_PASSES = 3
/** Two doubles: the clock's time when it was last started, stopped or set, and what its source said then. */
const TIME = 4
/** Who may change ENABLED, the time and the rows. */
const LOCK = 8
/** Rows, one for each TimerList of any thread; a cache line each, because every pass writes its own. */
const FIRST_ROW = 16
const ROW_WORDS = 16
const ROWS = 64
const WORDS = FIRST_ROW + ROWS * ROW_WORDS
/** How long to wait for a change of the time before asking whether its author is still alive. */
const CHANGE_MS = 20
// Words of a row. The first three are guarded by LOCK.
/** The thread's id + 1, 0 if the row is free. */
const OWNER = 0
/** The eventfd that wakes the list's loop, -1 if there is none. */
const WAKE_FD = 1
/** Which file WAKE_FD is, as far as 32 bits of fstat(2) tell. */
const WAKE_FILE = 2
/** Passes under way, nested ones counted. Written by the owner alone. */
const PASSES = 3

/** Doubles travel as two words, because Atomics does not take doubles. */
const halves = new Int32Array(4)
const doubles = new Float64Array(halves.buffer)

/** What a clock tells its lists in its own thread. */
interface ClockListener {
  clockChanged(): void
}

/**
 * The part of a clock that all threads have in common: whether it is enabled, its time if that can be stopped or set,
 * who is running callbacks, and how to wake whom.
 */
export class ClockState {
  readonly buffer: SharedArrayBuffer
  /** The lists of this thread. */
  readonly lists: Set<ClockListener> = new Set<ClockListener>()
  readonly #words: Int32Array
  readonly #lock: SharedLock
  readonly #ownRows: Set<number> = new Set<number>()
  // The time as of `#seen`, a value of VERSION.
  #seen = -1
  #base = 0
  #since = 0

  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
    this.#words = new Int32Array(this.buffer)
    this.#lock = new SharedLock(this.#words, LOCK)
    if (buffer === undefined) this.#words[ENABLED] = 1
  }

  /** Whether `buffer` can be the memory of a clock. */
  static accepts(buffer: unknown): buffer is SharedArrayBuffer {
    return buffer instanceof SharedArrayBuffer && buffer.byteLength === WORDS * Int32Array.BYTES_PER_ELEMENT
  }

  get enabled(): boolean {
    return Atomics.load(this.#words, ENABLED) === 1
  }

  /** `enabled` without ordering it among other accesses: for where a little too late is soon enough. */
  get seemsEnabled(): boolean {
    return this.#words[ENABLED] === 1
  }

  /**
   * The time of a clock that can be stopped or set. `source` is read between two equal looks at VERSION: were it read
   * after a stop by another thread, this call would return more than the time that the clock was stopped at, and the
   * next one less than this.
   */
  now(source: () => number): number {
    const words = this.#words
    for (;;) {
      const version = Atomics.load(words, VERSION)
      if (version !== this.#seen) {
        if ((version & 1) !== 0) {
          this.#waitForChange(version)
          continue
        }
        this.#readTime()
        if (Atomics.load(words, VERSION) !== version) continue
        this.#seen = version
      }
      // While it stands still `since` is infinite.
      const now =
        this.#since === Number.POSITIVE_INFINITY ? this.#base : this.#base + (source() - this.#since)
      if (Atomics.load(words, VERSION) === version) return now
    }
  }

  /** Starts the clock and wakes everyone whose timers stood still. Nothing to do if it is running. */
  enable(source: () => number): void {
    this.#takeLock()
    const changed = !this.enabled
    try {
      if (changed) {
        this.#change(1, () => this.#writeTime(this.#base, source()))
        // Who waits for passes to end need not any longer, and must not for ever if passes go on beginning.
        this.#stir()
        this.#wakeOthers()
      }
    } finally {
      this.#lock.give()
    }
    if (changed) this.#tellOwn()
  }

  /** Stops the clock. Passes may still be under way: see `waitForPasses`. */
  disable(source: () => number): void {
    this.#takeLock()
    try {
      if (this.enabled) {
        this.#change(0, () =>
          this.#writeTime(this.#base + (source() - this.#since), Number.POSITIVE_INFINITY),
        )
      }
    } finally {
      this.#lock.give()
    }
  }

  /** Sets a time that does not flow: to `ns`, or further by `ns`. */
  set(ns: number, relative: boolean): void {
    this.#takeLock()
    const { enabled } = this
    try {
      this.#change(enabled ? 1 : 0, () => this.#writeTime(relative ? this.#base + ns : ns, this.#since))
      if (enabled) this.#wakeOthers()
    } finally {
      this.#lock.give()
    }
    if (enabled) this.#tellOwn()
  }

  /**
   * A row for a list of this thread, -1 if there is none left.
   *
   * @throws Error `EBADF` if `wakeFd` is neither -1 nor open
   */
  addRow(wakeFd: number): number {
    const file = wakeFd < 0 ? 0 : fileOf(wakeFd)
    this.#takeLock()
    try {
      for (let row = 0; row < ROWS; row++) {
        const at = FIRST_ROW + row * ROW_WORDS
        if (this.#words[at + OWNER] !== 0) continue
        this.#words[at + OWNER] = SELF
        this.#words[at + WAKE_FD] = wakeFd
        this.#words[at + WAKE_FILE] = file
        this.#ownRows.add(row)
        return row
      }
      return -1
    } finally {
      this.#lock.give()
    }
  }

  /** After this no thread writes the descriptor: they write under the lock. */
  forgetWakeFd(row: number): void {
    if (row < 0) return
    this.#takeLock()
    this.#words[FIRST_ROW + row * ROW_WORDS + WAKE_FD] = -1
    this.#lock.give()
  }

  removeRow(row: number): void {
    if (row < 0) return
    this.#takeLock()
    this.#clearRow(row)
    this.#lock.give()
    this.#ownRows.delete(row)
  }

  /** See `Clock.forgetThread`. */
  forgetThread(id: number): void {
    const words = this.#words
    this.#lock.takeFrom(id)
    this.#mendTime()
    for (let row = 0; row < ROWS; row++) {
      if (words[FIRST_ROW + row * ROW_WORDS + OWNER] === id + 1) this.#clearRow(row)
    }
    this.#lock.give()
    this.#stir()
  }

  /**
   * A pass of the list with this row begins. It has to look at `enabled` afterwards. `disable` stores ENABLED and
   * `othersRun` loads PASSES, here PASSES is stored and ENABLED loaded: of the two stores one is first, so either the
   * pass sees that the clock is stopped or the stopper sees the pass. In the other order both could miss each other.
   */
  enter(row: number): void {
    Atomics.add(this.#words, passesWord(row), 1)
  }

  /** The pass ends, or its thread waits and does not count (see `waitForPasses`). */
  leave(row: number): void {
    // Store, then load, as in `enter`: a stopper that saw this pass is seen here and woken.
    if (Atomics.sub(this.#words, passesWord(row), 1) === 1 && !this.enabled) this.#stir()
  }

  /** Whether a pass is under way in another thread, or in one of the lists that have no row, which may be ours. */
  othersRun(): boolean {
    const words = this.#words
    if (Atomics.load(words, OTHER_PASSES) > 0) return true
    for (let at = FIRST_ROW; at < WORDS; at += ROW_WORDS) {
      if (Atomics.load(words, at + PASSES) > 0 && Atomics.load(words, at + OWNER) !== SELF) return true
    }
    return false
  }

  /** Sleeps until no other thread runs a pass, or the clock was enabled again. */
  waitForOthers(): void {
    const words = this.#words
    for (;;) {
      // Before looking: what happens after the look then changes STIR, and the wait does not begin.
      const stir = Atomics.load(words, STIR)
      if (this.enabled || !this.othersRun()) return
      Atomics.wait(words, STIR, stir)
    }
  }

  #stir(): void {
    Atomics.add(this.#words, STIR, 1)
    Atomics.notify(this.#words, STIR)
  }

  /** Runs `write` and stores ENABLED so that `now()` in another thread sees all of it or nothing. Holds the lock. */
  #change(enabled: number, write: () => void): void {
    const words = this.#words
    this.#readTime()
    Atomics.add(words, VERSION, 1)
    try {
      // The source is read in here, after VERSION became odd, for the reason given at `now()`.
      write()
      Atomics.store(words, ENABLED, enabled)
    } finally {
      this.#endChange()
    }
  }

  #endChange(): void {
    Atomics.add(this.#words, VERSION, 1)
    Atomics.notify(this.#words, VERSION)
  }

  /** Sleeps until VERSION is not `version` any more, which is odd. */
  #waitForChange(version: number): void {
    if (Atomics.wait(this.#words, VERSION, version, CHANGE_MS) !== 'timed-out') return
    // Who made it odd has the lock, or was terminated having it.
    this.#takeLock()
    this.#lock.give()
  }

  #takeLock(): void {
    this.#lock.take()
    this.#mendTime()
  }

  /** Ends the change that the last owner of the lock was terminated in: see `#writeTime` for what it can have left. */
  #mendTime(): void {
    if ((Atomics.load(this.#words, VERSION) & 1) !== 0) this.#endChange()
  }

  // Atomic words, because around plain ones the looks at VERSION would order nothing on a weakly ordered machine.
  #readTime(): void {
    for (let i = 0; i < halves.length; i++) halves[i] = Atomics.load(this.#words, TIME + i)
    this.#base = doubles[0]!
    this.#since = doubles[1]!
    // Until both looks at VERSION agree this may be half of one time and half of another.
    this.#seen = -1
  }

  #writeTime(base: number, since: number): void {
    doubles[0] = base
    doubles[1] = since
    // No loop and no call from the first of these stores to that of ENABLED: a thread can be terminated only in those,
    // and the next owner of the lock has to find all of a time or none.
    Atomics.store(this.#words, TIME, halves[0]!)
    Atomics.store(this.#words, TIME + 1, halves[1]!)
    Atomics.store(this.#words, TIME + 2, halves[2]!)
    Atomics.store(this.#words, TIME + 3, halves[3]!)
  }

  #clearRow(row: number): void {
    const at = FIRST_ROW + row * ROW_WORDS
    this.#words[at + WAKE_FD] = -1
    Atomics.store(this.#words, at + PASSES, 0)
    Atomics.store(this.#words, at + OWNER, 0)
  }

  /** Holds the lock. */
  #wakeOthers(): void {
    const fds: number[] = []
    for (let row = 0; row < ROWS; row++) {
      const at = FIRST_ROW + row * ROW_WORDS
      const fd = this.#words[at + WAKE_FD]!
      if (this.#words[at + OWNER] === 0 || fd < 0 || this.#ownRows.has(row)) continue
      // A thread that was terminated closed its descriptors and could not say so: the number may be another file by now.
      if (isFile(fd, this.#words[at + WAKE_FILE]!)) fds.push(fd)
    }
    // Last, and in one go: who is woken may terminate this thread, which should not have the lock any more then.
    for (const fd of fds) wake(fd)
  }

  #tellOwn(): void {
    for (const list of this.lists) list.clockChanged()
  }
}

function passesWord(row: number): number {
  return row < 0 ? OTHER_PASSES : FIRST_ROW + row * ROW_WORDS + PASSES
}
