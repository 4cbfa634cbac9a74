import { call } from '@aiokit/callback'
import { requireBoolean } from '@aiokit/errors'
import type { FdCallbacks } from './callbacks.ts'
import type { AioHandler } from './handler.ts'
import type { ReadyList } from './ready-list.ts'

/**
 * The handlers that are looked at from userspace while a loop polls before it sleeps. For how long that is, and who is
 * among them, is for the loop to say.
 */
export class PolledHandlers implements Iterable<AioHandler> {
  readonly #handlers: AioHandler[] = []
  readonly #ready: ReadyList
  #isPolling = false
  #isLooking = false

  constructor(ready: ReadyList) {
    this.#ready = ready
  }

  [Symbol.iterator](): Iterator<AioHandler> {
    return this.#handlers[Symbol.iterator]()
  }

  /** Between `begin()` and `end()`. */
  get isPolling(): boolean {
    return this.#isPolling
  }

  /** A `poll` is being called: if it polls itself, that does not begin to look. */
  get isLooking(): boolean {
    return this.#isLooking
  }

  /**
   * The longest time that is worth polling for one of them: one that has ended a wait since number `since`, and whose
   * `pollReady` is not running (rule P8).
   */
  longestNs(since: number): number {
    const handlers = this.#handlers
    let longest = 0
    for (let i = 0; i < handlers.length; i++) {
      const { pollNs, lastWait, inPollReady } = handlers[i]!
      if (pollNs > longest && lastWait >= since && inPollReady === 0) longest = pollNs
    }
    return longest
  }

  /** Returns false if it is among them already. @throws what its `pollBegin` throws */
  add(handler: AioHandler): boolean {
    if (handler.pollSlot >= 0) return false
    handler.pollSlot = this.#handlers.push(handler) - 1
    if (this.#isPolling) notify(handler.callbacks, handler.callbacks.pollBegin)
    return true
  }

  /**
   * Nothing happens if it is not among them.
   *
   * @param callbacks those that it had, if it has others by now
   * @throws what its `pollEnd` throws
   */
  remove(handler: AioHandler, callbacks: FdCallbacks = handler.callbacks): void {
    const slot = handler.pollSlot
    if (slot < 0) return
    const last = this.#handlers.pop()!
    if (last !== handler) {
      this.#handlers[slot] = last
      last.pollSlot = slot
    }
    handler.pollSlot = -1
    handler.pollNs = 0
    handler.averageNs = 0
    if (this.#isPolling) notify(callbacks, callbacks.pollEnd)
  }

  /**
   * As `remove`, for a handler that goes on to be watched: what its descriptor does not tell of is looked for once more.
   * Returns true if there is anything (rule P6).
   *
   * @throws what its `pollEnd` and `poll` throw
   */
  retire(handler: AioHandler): boolean {
    const wasPolling = this.#isPolling
    this.remove(handler)
    if (!wasPolling || handler.callbacks.poll === null || !this.#ask(handler)) return false
    this.#ready.addPolled(handler)
    return true
  }

  /** Polling mode: may last for many iterations, as long as the loop does not sleep (rule P6). @throws what `pollBegin` throws */
  begin(): void {
    if (this.#isPolling) return
    this.#isPolling = true
    for (let i = this.#handlers.length - 1; i >= 0; i--) {
      const callbacks = this.#handlers[i]?.callbacks
      if (callbacks != null) notify(callbacks, callbacks.pollBegin)
    }
  }

  /**
   * The loop may sleep from now on. What happened before somebody's `pollEnd` did not make its descriptor ready: returns
   * true if a last look finds anything.
   *
   * @throws the first of what `pollEnd` and `poll` throw, when all have ended
   */
  end(): boolean {
    if (!this.#isPolling) return false
    const failure = this.#endAll()
    const found = this.look()
    if (failure !== null) throw failure.error
    return found
  }

  /** Asks each of them, and puts those that say so on the ready list. Returns whether there are any. @throws what `poll` throws */
  look(): boolean {
    const handlers = this.#handlers
    let found = false
    this.#isLooking = true
    try {
      for (let i = handlers.length - 1; i >= 0; i--) {
        const handler = handlers[i]
        // One that a `poll` has removed, whatever it should.
        if (handler === undefined || handler.inPollReady > 0) continue
        if (handler.callbacks.poll === null || !this.#ask(handler) || handler.pollSlot < 0) continue
        this.#ready.addPolled(handler)
        found = true
      }
    } finally {
      this.#isLooking = false
    }
    return found
  }

  /** All of them leave. @throws the first of what `pollEnd` throws, when they have */
  clear(): void {
    const failure = this.#isPolling ? this.#endAll() : null
    for (const handler of this.#handlers) handler.pollSlot = -1
    this.#handlers.length = 0
    if (failure !== null) throw failure.error
  }

  #ask(handler: AioHandler): boolean {
    const { callbacks } = handler
    try {
      // A promise would be true for ever.
      return requireBoolean(callbacks.poll!.call(callbacks.target), 'the result of poll()')
    } catch (error) {
      // Not again and again: it comes back when its descriptor is ready.
      this.remove(handler)
      // Where Node's loop calls the callbacks, this is one like the others (rule A3).
      const rethrow = (): never => {
        throw error
      }
      call(rethrow, callbacks.target, callbacks.scope)
      return false
    }
  }

  #endAll(): { error: unknown } | null {
    this.#isPolling = false
    let failure: { error: unknown } | null = null
    for (let i = this.#handlers.length - 1; i >= 0; i--) {
      const callbacks = this.#handlers[i]?.callbacks
      if (callbacks == null) continue
      try {
        notify(callbacks, callbacks.pollEnd)
      } catch (error) {
        failure ??= { error }
      }
    }
    return failure
  }
}

function notify(callbacks: FdCallbacks, callback: FdCallbacks['pollBegin']): void {
  if (callback !== null) call(callback, callbacks.target, callbacks.scope)
}
