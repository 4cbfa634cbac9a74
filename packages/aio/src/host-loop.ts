import { captureScope } from '@aiokit/callback'
import { aioError } from '@aiokit/errors'
import {
  CLOCK_MONOTONIC,
  check,
  close,
  hostCall,
  hostHurry,
  hostKeep,
  hostOpen,
  hostRun,
  hostTakeFired,
  hostTimeout,
  hostUnwatch,
  hostWatch,
  monotonicNs,
  own,
  read,
  TFD_CLOEXEC,
  TFD_NONBLOCK,
  timerfdCreate,
  timerfdSettime,
} from '@aiokit/sys'
import { earlier } from './context-timers.ts'

/** What Node's loop is to run. */
export interface HostedContext {
  /** Whether it has something to do, and is to keep the thread alive for it. */
  readonly keepsAlive: boolean
  /** Before Node's loop waits. Returns for how long it may: 0 not at all, negative for ever; in nanoseconds. */
  before(): number
  /** After it has waited. */
  after(): void
  /** One of them threw: it is a member no more when this returns. */
  failed(): void
}

/** What waits in the place of Node's loop, and for it. */
export interface HostWaiter {
  readonly keepsAlive: boolean
  /** @param limitMs longest time that Node's loop can wait: 0 not at all, negative for ever */
  wait(limitMs: () => number): void
}

/** A deadline that has moved by less is the same. */
const TOLERANCE_NS = 1000
/** The timer is never set to more, about 52 days: the loop comes by once too often. */
const LONGEST_NS = 2 ** 52

/** What callbacks run in that have no async context of their own: not in that of who happened to attach first. */
const root = captureScope('AIO')

/**
 * This thread's loop of Node's own: who is run by it, and when it has to go on. One timer for the nearest deadline of all,
 * by timerfd, since Node's own timers know only milliseconds.
 */
class HostLoop {
  /** Replaced as a whole: it may change while it is walked. */
  #members: readonly HostedContext[] = []
  #waiter: HostWaiter | null = null
  #isOpen = false
  #keeps = false
  #hurries = false
  /** From the end of `before` to `after`: it may be about to wait, or has waited and calls back. */
  #mayWait = false
  /** One of them had something new since `before` began, which may have asked it already. */
  #isTouched = false
  /** How often the waiter was told how long it may wait, since the others were asked. */
  #asked = 0
  #timerFd = -1
  #timerWatch = -1
  /** When the timer fires, on the monotonic clock; infinite if it does not. */
  #timerNs = Number.POSITIVE_INFINITY
  readonly #timerCount = new Uint8Array(8)

  /** @throws `ERR_AIO_NO_HOST_LOOP`; SystemError ENOMEM, EMFILE */
  add(member: HostedContext): void {
    this.#open()
    try {
      if (this.#timerFd < 0) this.#openTimer()
    } catch (error) {
      this.#closeIfUnused()
      throw error
    }
    this.#members = [...this.#members, member]
    this.touch(member)
  }

  remove(member: HostedContext): void {
    this.#members = this.#members.filter((each) => each !== member)
    this.#closeIfUnused()
  }

  get waiter(): HostWaiter | null {
    return this.#waiter
  }

  /** @throws as `add` */
  setWaiter(waiter: HostWaiter | null): void {
    if (waiter === null) {
      this.#waiter = null
      this.#closeIfUnused()
      return
    }
    this.#open()
    this.#waiter = waiter
    this.touch(waiter)
  }

  /**
   * One of them has something new to do: the thread has to live for it, also if the loop is not to come by again before,
   * and does not sleep before it has come by. It would not anyway if one of Node's callbacks says so, which libuv calls after
   * it has waited; but anybody's hook may come between ours and the waiting.
   */
  touch({ keepsAlive }: { readonly keepsAlive: boolean }): void {
    if (!this.#keeps && keepsAlive) this.#keep(true)
    this.#isTouched = true
    if (this.#mayWait) this.#hurry(true)
  }

  #open(): void {
    if (!this.#isOpen) {
      const result = root.runInAsyncScope(hostOpen, undefined, this.#before, this.#after)
      if (result < 0) {
        throw aioError(
          'ERR_AIO_NO_HOST_LOOP',
          'This program does not run JavaScript by a loop of libuv that one can attach to: use ctx.poll().',
        )
      }
      this.#isOpen = true
    }
    hostRun(1)
  }

  get #isUsed(): boolean {
    return this.#members.length > 0 || this.#waiter !== null
  }

  #closeIfUnused(): void {
    if (this.#isUsed) return
    this.#mayWait = false
    this.#keep(false)
    this.#hurry(false)
    hostRun(0)
    if (this.#timerFd < 0) return
    hostUnwatch(this.#timerWatch)
    close(this.#timerFd)
    this.#timerFd = -1
    this.#timerNs = Number.POSITIVE_INFINITY
  }

  readonly #before = (): void => {
    this.#asked = 0
    this.#isTouched = false
    let timeout = -1
    for (const member of this.#members) {
      // What hears of another's failure may have removed it.
      if (!this.#members.includes(member)) continue
      try {
        const its = member.before()
        if (its > 0) this.#wakeIn(its)
        timeout = earlier(timeout, its)
      } catch (error) {
        fail(member, error)
        timeout = 0
      }
    }
    if (!this.#isUsed) return
    if (this.#isTouched) timeout = 0
    this.#updateKeep()
    if (this.#waiter === null) {
      this.#hurry(timeout === 0)
      this.#mayWait = true
      return
    }
    this.#hurry(false)
    this.#waiter.wait(timeout === 0 ? noTime : this.#limitMs)
    // It has waited already; and whatever its callbacks did, joined, left or stopped, is seen to before anybody sleeps.
    if (this.#isUsed) this.#hurry(true)
  }

  readonly #limitMs = (): number => {
    this.#updateKeep()
    // Its callbacks may have done anything to the others, armed a timer, polled, attached one: they are asked again.
    return this.#asked++ > 0 && this.#members.length > 0 ? 0 : hostTimeout()
  }

  readonly #after = (): void => {
    this.#mayWait = false
    if (this.#timerFd >= 0 && hostTakeFired(this.#timerWatch) > 0) {
      this.#timerNs = Number.POSITIVE_INFINITY
      read(this.#timerFd, this.#timerCount)
    }
    for (const member of this.#members) {
      // Another's callback may have removed it.
      if (!this.#members.includes(member)) continue
      try {
        member.after()
      } catch (error) {
        fail(member, error)
      }
    }
  }

  #updateKeep(): void {
    let keeps = this.#waiter?.keepsAlive ?? false
    for (let i = 0; i < this.#members.length && !keeps; i++) keeps = this.#members[i]!.keepsAlive
    this.#keep(keeps)
  }

  #keep(on: boolean): void {
    if (on === this.#keeps) return
    this.#keeps = on
    hostKeep(on ? 1 : 0)
  }

  #hurry(on: boolean): void {
    if (on === this.#hurries) return
    this.#hurries = on
    hostHurry(on ? 1 : 0)
  }

  /** Node's loop goes on in so many nanoseconds. It may go on earlier, once for each deadline that was given up. */
  #wakeIn(timeoutNs: number): void {
    const left = Math.min(timeoutNs, LONGEST_NS)
    const deadline = monotonicNs() + left
    if (this.#timerNs <= deadline + TOLERANCE_NS) return
    check(timerfdSettime(this.#timerFd, 0, left, 0), 'timerfd_settime')
    this.#timerNs = deadline
  }

  #openTimer(): void {
    const fd = check(timerfdCreate(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), 'timerfd_create')
    own(fd)
    const watch = hostWatch(fd)
    if (watch < 0) {
      close(fd)
      check(watch, 'uv_poll_init')
    }
    this.#timerFd = fd
    this.#timerWatch = watch
  }
}

const noTime = (): number => 0

/** As a callback of Node's that throws: an uncaught exception, after which the loop goes on, with the others. */
function fail(member: HostedContext, error: unknown): void {
  hostCall(() => {
    member.failed()
    throw error
  })
}

/** Of this thread. */
export const hostLoop: HostLoop = new HostLoop()
