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

  get isEmpty(): boolean {
    return this.#list.isEmpty
  }

  /**
   * For monitors: `handler` was seen with `revents`. What was noted of it before is replaced, since a later look
   * knows better, and it goes to the end so that one that is always ready does not keep others waiting (F10).
   */
  add(handler: AioHandler, revents: number): void {
    this.#list.safeRemove(handler.readyLink)
    if (handler.mark(revents)) this.#list.insertTail(handler.readyLink)
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
      const callback = handler.takeDue()
      // Stays first on the list while its `write` is still to come.
      if (!handler.isDue) this.#list.remove(handler.readyLink)
      if (callback === null) continue
      this.dispatched++
      progress = true
      callback.call(handler.callbacks.target)
    }
    return progress
  }

  /** Callbacks called so far. */
  dispatched = 0
}
