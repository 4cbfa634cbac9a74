import type { ListIdentity } from './list-identity.ts'
import type { ListLink } from './list-link.ts'

/**
 * Where a safe iteration has got to.
 *
 * Remembering the next element, as the originals do, permits removing the current one only. A cursor is known to
 * the list, and removing the element that it would come to next moves it on, so any element may be removed.
 */
export class Cursor<T extends object> {
  upcoming: ListLink<T> | null
  readonly isReverse: boolean
  /** The next one that iterates over the same elements. */
  outer: Cursor<object> | null = null
  #home!: ListIdentity

  constructor(home: ListIdentity, first: ListLink<T> | null, isReverse: boolean) {
    this.upcoming = first
    this.isReverse = isReverse
    this.open(home)
  }

  /** The link to visit now; the one after it is noted before the caller can remove it. Null at the end. */
  take(): ListLink<T> | null {
    const link = this.upcoming
    if (link !== null) this.upcoming = this.isReverse ? link.prev : link.next
    return link
  }

  open(home: ListIdentity): void {
    this.#home = home
    this.outer = home.cursors
    home.cursors = this
  }

  /** Every cursor must be closed: an open one costs each removal a look at it. */
  close(): void {
    const home = this.#home
    if (home.cursors === this) {
      home.cursors = this.outer
      return
    }
    for (let inner = home.cursors; inner !== null; inner = inner.outer) {
      if (inner.outer === this) {
        inner.outer = this.outer
        return
      }
    }
  }
}
