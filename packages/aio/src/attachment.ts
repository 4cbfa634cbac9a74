import { countHosted } from '@aiokit/callback'
import type { FdMonitor } from '@aiokit/fdmon'
import { check, hostTakeFired, hostUnwatch, hostWatch } from '@aiokit/sys'
import { type HostedContext, hostLoop } from './host-loop.ts'
import type { Loop } from './loop.ts'
import { PollSet } from './poll-set.ts'

/**
 * A context whose iterations Node's loop runs: before it waits the context says for how long it may and has it wait for the
 * monitor's descriptor as well, afterwards it runs what there is (rules A1 to A3, N4).
 */
export class Attachment implements HostedContext {
  isRef = true
  readonly #loop: Loop
  readonly #done: () => void
  /** What Node's loop waits for on behalf of a monitor that has no descriptor of its own. */
  #pollSet: PollSet | null = null
  /** Whose descriptor is watched, and which: a number alone may have gone from one to the next. */
  #watched: FdMonitor | PollSet | null = null
  #watchedFd = -1
  #watch = -1
  /** It was found that there is something to run, before Node's loop was to wait. */
  #isDue = false

  /**
   * @param done called when it has ended without `leave()`
   * @throws as `hostLoop.add`; SystemError EMFILE
   */
  constructor(loop: Loop, done: () => void) {
    this.#loop = loop
    this.#done = done
    hostLoop.add(this)
    try {
      this.#updateWatch()
    } catch (error) {
      this.#unwatch()
      hostLoop.remove(this)
      throw error
    }
    loop.gate.onNudge = () => this.touch()
    countHosted(1)
  }

  get keepsAlive(): boolean {
    return this.isRef && this.#loop.hasWork
  }

  setRef(on: boolean): void {
    this.isRef = on
    this.touch()
  }

  before(): number {
    const { gate, fds } = this.#loop
    const timeout = this.#loop.timeoutNs()
    // After the timeout was computed, before notifications are looked at: rule N2.
    const maySleep = gate.hostPrepare()
    const isBusy = fds.monitor.prepare()
    const always = this.#updateWatch()
    this.#isDue = timeout === 0 || !maySleep || isBusy || always
    return this.#isDue ? 0 : timeout
  }

  after(): void {
    const { gate, fds, bottomHalves } = this.#loop
    gate.hostCheck()
    const fired = this.#watch >= 0 && hostTakeFired(this.#watch) > 0
    const isDue =
      fired ||
      this.#isDue ||
      bottomHalves.isReady ||
      bottomHalves.isIdleScheduled ||
      fds.hasReady ||
      gate.notified ||
      fds.monitor.needWait() ||
      this.#loop.timers.deadlineNs() === 0
    if (!isDue) return
    this.#loop.runHosted(this.#collect)
    if (fired && this.#pollSet !== null && this.#foundNothing) this.#pollSet.renew()
  }

  touch(): void {
    hostLoop.touch(this)
  }

  leave(): void {
    hostLoop.remove(this)
    countHosted(-1)
    this.#loop.gate.onNudge = null
    this.#loop.gate.hostCheck()
    this.#loop.unwinding = true
    this.#unwatch()
  }

  failed(): void {
    this.leave()
    this.#done()
  }

  #foundNothing = false

  readonly #collect = (): void => {
    const { fds } = this.#loop
    fds.collect()
    this.#foundNothing = !fds.hasReady
    this.#loop.accept()
  }

  /** The monitor may be another by now, or have other descriptors. Returns whether one of them is always ready. */
  #updateWatch(): boolean {
    const { fds } = this.#loop
    const hostFd = fds.monitor.hostFd ?? fds.monitor.backendFd
    if (hostFd >= 0) {
      this.#pollSet?.close()
      this.#pollSet = null
    } else {
      this.#pollSet ??= new PollSet()
      this.#pollSet.update(fds)
    }
    const source = this.#pollSet ?? fds.monitor
    const fd = this.#pollSet?.fd ?? hostFd
    if (source !== this.#watched || fd !== this.#watchedFd) {
      if (this.#watch >= 0) hostUnwatch(this.#watch)
      this.#watch = -1
      this.#watch = check(hostWatch(fd), 'uv_poll_init')
      this.#watched = source
      this.#watchedFd = fd
    }
    return this.#pollSet?.hasAlwaysReady ?? false
  }

  #unwatch(): void {
    if (this.#watch >= 0) hostUnwatch(this.#watch)
    this.#watch = -1
    this.#pollSet?.close()
    this.#pollSet = null
  }
}
