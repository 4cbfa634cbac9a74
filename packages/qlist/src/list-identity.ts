import type { Cursor } from './cursor.ts'
import type { ListLink } from './list-link.ts'

/**
 * What every link of a list points at, and the list as well: they belong together if both point at the same one.
 *
 * It stands between them so that two lists can swap all they have by swapping identities, in constant time, where
 * links that pointed at the list itself would have to be changed one by one.
 */
export class ListIdentity {
  /** The safe iterations under way over these elements, the latest first. They go where the elements go. */
  cursors: Cursor<object> | null = null

  /** `link` is about to be unlinked: iterations that were to come to it next come to the one after it (rule L5). */
  pass(link: ListLink<object>): void {
    for (let cursor = this.cursors; cursor !== null; cursor = cursor.outer) {
      if (cursor.upcoming === link) cursor.upcoming = cursor.isReverse ? link.prev : link.next
    }
  }

  /** Makes the chain from `first` to its end, which was `from`'s, this one's. O(length of the chain). */
  adopt(first: ListLink<object>, from: ListIdentity): void {
    for (let link: ListLink<object> | null = first; link !== null; link = link.next) link.home = this
    for (let cursor = from.cursors; cursor !== null; ) {
      const { outer, upcoming } = cursor
      if (upcoming !== null && upcoming.home === this) {
        cursor.close()
        cursor.open(this)
      }
      cursor = outer
    }
  }
}
