import { aioTypeError, describe } from '@aiokit/errors'
import type { ListIdentity } from './list-identity.ts'

/**
 * The place of an element on a list, kept in the element itself: `readonly link = new ListLink<Job>(this)`.
 *
 * Made once with the element, so that inserting and removing allocate nothing (rule L2). An element has as many
 * links as lists it can be on at the same time. Any link fits any kind of list. To be used in one thread.
 */
export class ListLink<T extends object> {
  readonly owner: T

  // One shape for all kinds of lists, so that code which handles links stays monomorphic.
  /** @internal Whose list it is on; null on none. Is what makes it inserted. */
  home: ListIdentity | null = null
  /** @internal */
  next: ListLink<T> | null = null
  /** @internal Stays null on the singly linked kinds. */
  prev: ListLink<T> | null = null

  /** @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` if `owner` is no object: null means "no element" to the lists */
  constructor(owner: T) {
    if (owner === null || (typeof owner !== 'object' && typeof owner !== 'function')) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"owner" must be the object that is to be on lists. Received ${describe(owner)}.`,
      )
    }
    this.owner = owner
  }

  /** True exactly while it is on a list (rule L3). */
  get isInserted(): boolean {
    return this.home !== null
  }

  /** @internal The link is off its list; whoever calls this has closed the gap. */
  clear(): void {
    this.home = null
    // Left in place, these would keep every later element alive for as long as this one.
    this.next = null
    this.prev = null
  }
}
