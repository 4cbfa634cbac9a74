import { call } from '@aiokit/callback'
import { QTailQ } from '@aiokit/qlist'
import type { AioHandler } from './handler.ts'

/**
 * The handlers that a monitor found ready and that are not dispatched yet, oldest first.
 *
 * A context has one, which nested polls share: the nested poll dispatches what its parent had not got to, and after
 * a callback threw, the next poll goes on where that one stopped (rules F6, X1). Dispatch costs O(ready) (F5).
 */
export class ReadyList {
  readonly #list: QTailQ<AioHandler> = new QTailQ<AioHandler>()
  /** Whose callback was called last: it has had its turn, although it stays first while its `write` is to come. */
  #called: AioHandler | null = null

  /** Callbacks of descriptors called so far. */
  dispatched = 0

  get isEmpty(): boolean {
    return this.#list.isEmpty
  }

  /**
   * For monitors: `handler` was seen with `revents`, which replaces what was noted of it before: a later look knows
   * better. One that waits for its turn keeps its place, so that nobody, not even a handler that is always ready and
   * always throws, gets in front of it again and again (F10). One that has had its turn goes to the end.
   */
  add(handler: AioHandler, revents: number): void {
    const due = handler.mark(revents)
    const keeps = due && handler.readyLink.isInserted && handler !== this.#called
    if (keeps) return
    this.#list.safeRemove(handler.readyLink)
    if (due) this.#list.insertTail(handler.readyLink)
  }

  /** The `poll` of `handler` said true. */
  addPolled(handler: AioHandler): void {
    handler.markPolled()
    if (!handler.readyLink.isInserted) this.#list.insertTail(handler.readyLink)
  }

  /** The handler that has waited longest, or null. */
  get first(): AioHandler | null {
    return this.#list.first
  }

  /** The one behind it, or null. */
  next(handler: AioHandler): AioHandler | null {
    return this.#list.next(handler.readyLink)
  }

  /** The handler was removed, or is dealt with otherwise: it will not be called for what it was ready for. */
  remove(handler: AioHandler): void {
    handler.forget()
    this.#list.safeRemove(handler.readyLink)
  }

  /**
   * Calls every callback that is due. Returns whether there was any.
   *
   * @throws what a callback throws; the rest is still on the list
   */
  dispatch(): boolean {
    let progress = false
    for (let handler = this.#list.first; handler !== null; handler = this.#list.first) {
      const { isPolled } = handler
      const callback = handler.takeDue()
      // Stays first on the list while its `write` is still to come.
      if (!handler.isDue) this.#list.remove(handler.readyLink)
      if (callback === null) continue
      this.dispatched++
      progress = true
      this.#called = handler
      const { target, scope } = handler.callbacks
      if (!isPolled) {
        call(callback, target, scope, 'descriptor', handler)
        continue
      }
      handler.inPollReady++
      try {
        call(callback, target, scope, 'descriptor', handler)
      } finally {
        handler.inPollReady--
      }
    }
    this.#called = null
    return progress
  }
}
