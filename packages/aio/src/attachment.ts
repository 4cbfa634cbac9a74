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
  #hasLeft = false
  /** The last look for what there is to run has found none. */
  #foundNothing = false

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
    loop.gate.onNudge = () => {
      this.touch()
      // It does not sleep before it has come by, so that nobody has to be woken.
      loop.gate.hostCheck()
    }
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
    // Node's loop does not poll (rule P11).
    if (fds.polled.isPolling) this.#loop.runHosted(this.#endPolling)
    // Its callbacks may close the context.
    if (this.#hasLeft) return -1
    const always = this.#updateWatch()
    const isBusy = fds.monitor.prepare()
    // As late as can be, since it counts from now; but before notifications are looked at: rule N2.
    const timeout = this.#loop.timeoutNs()
    const maySleep = gate.hostPrepare()
    this.#isDue = timeout === 0 || !maySleep || isBusy || always
    return this.#isDue ? 0 : timeout
  }

  after(): void {
    const { gate, fds, bottomHalves } = this.#loop
    gate.hostCheck()
    const hasNews = fds.monitor.check()
    const fired = this.#watch >= 0 && hostTakeFired(this.#watch) > 0
    const drained = fired && hasNews && fds.monitor.drain?.() === true
    const isDue =
      fired ||
      this.#isDue ||
      bottomHalves.isReady ||
      bottomHalves.isIdleScheduled ||
      fds.hasReady ||
      gate.notified ||
      (hasNews && fds.monitor.hostFd !== undefined) ||
      this.#loop.timers.deadlineNs() === 0
    if (!isDue) return
    this.#loop.runHosted(this.#collect)
    if (!fired || drained || !this.#foundNothing || this.#pollSet === null) return
    // What nobody finds is reported for ever.
    if (fds.monitor.drain?.() !== true) this.#pollSet.renew()
  }

  /** Whether `fd` is what Node's loop waits for. */
  owns(fd: number): boolean {
    return this.#pollSet?.owns(fd) ?? fd === this.#watchedFd
  }

  touch(): void {
    hostLoop.touch(this)
  }

  leave(): void {
    this.#hasLeft = true
    hostLoop.remove(this)
    countHosted(-1)
    this.#loop.gate.onNudge = null
    this.#loop.gate.hostCheck()
    this.#loop.fds.monitor.check()
    this.#loop.unwinding = true
    this.#unwatch()
  }

  failed(): void {
    this.leave()
    this.#done()
  }

  readonly #endPolling = (): void => {
    this.#loop.polling.end()
  }

  readonly #collect = (): void => {
    const { fds } = this.#loop
    fds.collect()
    this.#foundNothing = !fds.hasReady && fds.monitor.hasPending !== true
    this.#loop.accept()
  }

  /** The monitor may be another by now, or have other descriptors. Returns whether one of them is always ready. */
  #updateWatch(): boolean {
    const { fds } = this.#loop
    const { monitor } = fds
    const otherFd = monitor.hostFd?.() ?? -1
    if (monitor.backendFd >= 0 && otherFd < 0) {
      this.#pollSet?.close()
      this.#pollSet = null
    } else {
      this.#pollSet ??= new PollSet(otherFd)
      this.#pollSet.update(fds)
    }
    const source = this.#pollSet ?? monitor
    const fd = this.#pollSet?.fd ?? monitor.backendFd
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
