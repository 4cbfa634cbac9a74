import { countHosted } from '@aiokit/callback'
import { type AioHandler, type FdHandlers, IN } from '@aiokit/fdmon'
import { hostBackend, hostCall, ppoll } from '@aiokit/sys'
import { type Abortable, forgetAbort, listenForAbort } from '@aiokit/task'
import { type HostWaiter, hostLoop } from './host-loop.ts'
import type { Guest, Loop } from './loop.ts'

export interface RunOptions {
  /** Ends it as `stop()` does; the promise is rejected with the signal's reason, an AbortError unless another was given. */
  signal?: AbortSignal
}

/**
 * After so many iterations Node's loop gets a turn although it has said nothing: it costs about a microsecond, and what it
 * might have that neither its descriptor nor its timeout tells has not waited for long.
 */
const TURNS = 256

/**
 * A context that waits in the place of Node's loop, with that loop as one of its sources: when its descriptor is readable
 * or its timeout is over it gets a turn (rule A4).
 */
export class Runner implements HostWaiter, Guest, Abortable {
  isRef = true
  handler: AioHandler
  readonly #loop: Loop
  readonly #signal: AbortSignal | undefined
  readonly #done: (error?: unknown) => void
  readonly #fd: number
  #isSuspended = false
  #hasNews = false
  #limitNs = 0
  #stopped = false
  /** struct pollfd of Node's loop. */
  readonly #pollfd = new Int32Array(2)
  /**
   * To be polled as well, or nobody could be where the monitor cannot be watched (rule P2). Where it can, it tells of this
   * one too, and costs less than to ask the kernel.
   */
  readonly #handlers: FdHandlers = {
    read() {},
    poll: () => this.#loop.fds.monitor.isWatchable !== true && this.#isHostReady(),
    pollReady() {},
    ref: false,
  }

  /**
   * @param signal not aborted
   * @param done called when it has stopped, with what made it if that was no `stop()`
   * @throws as `hostLoop.setWaiter`, `FdTable.set`
   */
  constructor(loop: Loop, signal: AbortSignal | undefined, done: (error?: unknown) => void) {
    this.#loop = loop
    this.#signal = signal
    this.#done = done
    hostLoop.setWaiter(this)
    this.#fd = hostBackend()
    try {
      this.handler = this.#watch()
    } catch (error) {
      hostLoop.setWaiter(null)
      throw error
    }
    loop.guest = this
    countHosted(1)
    if (signal !== undefined) listenForAbort(signal, this)
  }

  get keepsAlive(): boolean {
    return this.isRef
  }

  setRef(on: boolean): void {
    this.isRef = on
    hostLoop.touch(this)
  }

  /** Whether `fd` is that of Node's loop. */
  owns(fd: number): boolean {
    return fd === this.#fd
  }

  wait(limitMs: () => number): void {
    this.#hasNews = false
    let turns = TURNS
    try {
      if (this.#isSuspended) this.#resume()
      do {
        const ms = limitMs()
        this.#limitNs = ms < 0 ? Number.POSITIVE_INFINITY : ms * 1e6
        this.#loop.runHosted(this.#wait)
        if (ms === 0) return
      } while (!this.#hasNews && !this.#stopped && --turns > 0)
    } catch (error) {
      // As a callback of Node's, or who waits for it would hear of it only after the next of those, if ever.
      hostCall(() => this.#end(error))
    }
  }

  found(): void {
    this.#hasNews = true
  }

  /** Nobody answers it until the callback that polls has returned, and the poll must not be woken by it again and again. */
  suspend(): void {
    if (this.#isSuspended) return
    this.#isSuspended = true
    this.#loop.fds.remove(this.#fd)
  }

  /** Whatever it has to do, it keeps the thread alive anyway. */
  touch(): void {}

  leave(): void {
    this.#end()
  }

  aborted(reason: unknown): void {
    this.#end(reason)
  }

  readonly #wait = (): void => {
    this.#loop.wait(this.#loop.timeoutNs(this.#limitNs))
  }

  #resume(): void {
    this.#isSuspended = false
    this.handler = this.#watch()
  }

  /** Polled for from the beginning: Node's loop is not to starve. */
  #watch(): AioHandler {
    const { fds } = this.#loop
    const handler = fds.set(this.#fd, this.#handlers)
    fds.polled.add(handler)
    return handler
  }

  #isHostReady(): boolean {
    this.#pollfd[0] = this.#fd
    this.#pollfd[1] = IN
    return ppoll(this.#pollfd, 1, 0) > 0
  }

  #end(error?: unknown): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#loop.unwinding = true
    this.#loop.guest = null
    if (this.#signal !== undefined) forgetAbort(this.#signal, this)
    hostLoop.setWaiter(null)
    countHosted(-1)
    if (!this.#isSuspended) this.#loop.fds.remove(this.#fd)
    this.#done(error)
    // Nobody polls any more.
    this.#loop.polling.end()
  }
}
