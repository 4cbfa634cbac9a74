import { QTailQ } from '@aiokit/qlist'
import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { deadlock, notHeld } from './misuse.ts'
import { requireSelf, self, wakeGranted } from './switch.ts'

/** What a coroutine in line wants: its `amount`. */
const READ = 0
const WRITE = 1

/**
 * Any number of readers or one writer. Fair: whoever comes while others wait goes behind them, readers included, so that
 * writers get their turn (rule C3). A coroutine can hold it once.
 */
export class CoRwLock {
  readonly #waiters: QTailQ<Coroutine<unknown>> = new QTailQ<Coroutine<unknown>>()
  readonly #readers: Set<Coroutine<unknown>> = new Set<Coroutine<unknown>>()
  #writer: Coroutine<unknown> | null = null

  /** How many read now. */
  get readers(): number {
    return this.#readers.size
  }

  /** Whether somebody writes now. */
  get writing(): boolean {
    return this.#writer !== null
  }

  /**
   * Waits for its turn to read.
   *
   * @throws `ERR_AIO_CO_DEADLOCK` if this coroutine holds the lock: a writer in line would keep it waiting for itself.
   *   `ERR_AIO_NO_COROUTINE`
   */
  *rdlock(): Co<void> {
    const co = this.#newcomer()
    if (this.#writer === null && this.#waiters.isEmpty) this.#readers.add(co)
    else yield* this.#waitFor(co, READ)
    co.locksHeld++
  }

  /** Waits until it alone has the lock. @throws as `rdlock` */
  *wrlock(): Co<void> {
    const co = this.#newcomer()
    if (this.#writer === null && this.#readers.size === 0) this.#writer = co
    else yield* this.#waitFor(co, WRITE)
    co.locksHeld++
  }

  /**
   * From reading to writing. If others read or wait, it gives up its turn and goes to the end of the line: others may have
   * written when this returns. If the waiting is cut short, the coroutine is reading again.
   *
   * @throws `ERR_AIO_CO_NOT_HELD` if this coroutine does not read; `ERR_AIO_NO_COROUTINE`
   */
  *upgrade(): Co<void> {
    const co = requireSelf()
    if (!this.#readers.delete(co)) throw notHeld('The turn to read of this rwlock')
    if (this.#readers.size === 0 && this.#waiters.isEmpty) {
      this.#writer = co
      return
    }
    let through = false
    try {
      yield* this.#waitFor(co, WRITE)
      through = true
    } finally {
      if (!through) {
        // The caller unlocks it in any case.
        co.shields++
        try {
          if (this.#writer === null && this.#waiters.isEmpty) this.#readers.add(co)
          else yield* this.#waitFor(co, READ)
        } finally {
          co.shields--
        }
      }
    }
  }

  /**
   * From writing to reading, without others writing in between; readers at the head of the line join.
   *
   * @throws `ERR_AIO_CO_NOT_HELD` if this coroutine does not write
   */
  downgrade(): void {
    const co = this.#writer
    if (co === null || co !== self()) throw notHeld('The turn to write of this rwlock')
    this.#writer = null
    this.#readers.add(co)
    wakeGranted(this)
  }

  /** @throws `ERR_AIO_CO_NOT_HELD` if the coroutine that runs, or code outside of any, does not hold it */
  unlock(): void {
    const co = self()
    if (co === null || !this.#isHeldBy(co)) throw notHeld('This rwlock')
    co.locksHeld--
    this.#release(co)
  }

  /** @internal */
  grantNext(): Coroutine<unknown> | null {
    const co = this.#waiters.first
    if (co === null || this.#writer !== null) return null
    if (co.amount === READ) this.#readers.add(co)
    else if (this.#readers.size === 0) this.#writer = co
    else return null
    this.#waiters.remove(co.waitLink)
    return co
  }

  #newcomer(): Coroutine<unknown> {
    const co = requireSelf()
    if (this.#isHeldBy(co)) {
      throw deadlock(
        `Coroutine "${co.name}" holds this rwlock already and could wait for itself: unlock it first, or upgrade() it.`,
      )
    }
    return co
  }

  #isHeldBy(co: Coroutine<unknown>): boolean {
    return this.#writer === co || this.#readers.has(co)
  }

  *#waitFor(co: Coroutine<unknown>, what: number): Co<void> {
    co.amount = what
    this.#waiters.insertTail(co.waitLink)
    co.flags |= WAITING
    // One that upgrades has just ceased to read.
    wakeGranted(this)
    let through = false
    try {
      do yield
      while (co.waitLink.isInserted)
      through = true
    } finally {
      if (!through) this.#leave(co)
    }
  }

  #leave(co: Coroutine<unknown>): void {
    co.flags &= ~WAITING
    if (!co.waitLink.isInserted) this.#release(co)
    else {
      this.#waiters.remove(co.waitLink)
      // A writer that leaves may have kept readers waiting.
      wakeGranted(this)
    }
  }

  #release(co: Coroutine<unknown>): void {
    if (this.#writer === co) this.#writer = null
    else this.#readers.delete(co)
    wakeGranted(this)
  }
}
