import { Cursor } from './cursor.ts'
import { ListIdentity } from './list-identity.ts'
import type { ListLink } from './list-link.ts'
import { notEmpty, notFree, notInOrder, notOnList, requireKind, sameList, stayed } from './misuse.ts'

/**
 * A doubly linked list with head and tail, QTAILQ in the original: everything in constant time, in both directions.
 *
 * Misuse throws and changes nothing (rule L4): `ERR_AIO_LINK_INSERTED` for inserting a link that is on a list,
 * `ERR_AIO_LINK_NOT_ON_LIST` for any other use of a link that is not on this one.
 */
export class QTailQ<T extends object> implements Iterable<T> {
  #first: ListLink<T> | null = null
  #last: ListLink<T> | null = null
  #identity = new ListIdentity()

  get isEmpty(): boolean {
    return this.#first === null
  }

  /** Null if the list is empty. */
  get first(): T | null {
    return this.#first === null ? null : this.#first.owner
  }

  /** Null if the list is empty. */
  get last(): T | null {
    return this.#last === null ? null : this.#last.owner
  }

  /** The element after that of `link`; null after the last. */
  next(link: ListLink<T>): T | null {
    const next = this.#own(link).next
    return next === null ? null : next.owner
  }

  /** The element before that of `link`; null before the first. */
  prev(link: ListLink<T>): T | null {
    const prev = this.#own(link).prev
    return prev === null ? null : prev.owner
  }

  insertHead(link: ListLink<T>): void {
    this.#insert(null, link, this.#first)
  }

  insertTail(link: ListLink<T>): void {
    this.#insert(this.#last, link, null)
  }

  insertBefore(at: ListLink<T>, link: ListLink<T>): void {
    this.#insert(this.#own(at).prev, link, at)
  }

  insertAfter(at: ListLink<T>, link: ListLink<T>): void {
    this.#insert(at, link, this.#own(at).next)
  }

  remove(link: ListLink<T>): void {
    this.#unlink(this.#own(link))
  }

  /** As `remove()`, but does nothing if the link is on no list. On another list it is an error all the same. */
  safeRemove(link: ListLink<T>): void {
    if (link?.home !== null) this.remove(link)
  }

  /** Removes the first element and returns it; null if the list is empty. */
  removeHead(): T | null {
    const link = this.#first
    if (link === null) return null
    this.#unlink(link)
    return link.owner
  }

  /**
   * Removes `left`, `right` and all between them. O(removed): each link is cleared.
   *
   * @throws `ERR_AIO_LINK_ORDER` if `right` comes before `left`
   */
  removeSeveral(left: ListLink<T>, right: ListLink<T>): void {
    this.#own(right)
    // All the way first: nothing may be changed if the end comes before `right`.
    for (let link = this.#own(left); link !== right; link = link.next) {
      if (link.next === null) throw notInOrder()
    }
    for (let link = left; link !== right; ) {
      const next = link.next!
      this.#unlink(link)
      link = next
    }
    this.#unlink(right)
  }

  /**
   * Appends all of `other`, which is empty then. O(appended), since links know whose they are; constant time if this
   * list is empty.
   *
   * @throws `ERR_AIO_SAME_LIST` if it is this list
   */
  concat(other: QTailQ<T>): void {
    requireKind(QTailQ, other)
    if (other === this) throw sameList()
    const joint = other.#first
    if (joint === null) return
    if (this.#last === null) {
      this.swap(other)
      return
    }
    this.#identity.adopt(joint, other.#identity)
    this.#last.next = joint
    joint.prev = this.#last
    this.#last = other.#last
    other.#first = null
    other.#last = null
  }

  /** Puts all of `other` before the first element; otherwise as `concat()`. O(prepended). */
  prepend(other: QTailQ<T>): void {
    requireKind(QTailQ, other)
    if (other === this) throw sameList()
    const head = other.#first
    const joint = other.#last
    if (head === null || joint === null) return
    if (this.#first === null) {
      this.swap(other)
      return
    }
    this.#identity.adopt(head, other.#identity)
    joint.next = this.#first
    this.#first.prev = joint
    this.#first = head
    other.#first = null
    other.#last = null
  }

  /**
   * Moves the elements from the first to that of `link`, included, into `into`; what comes after stays. O(moved).
   *
   * @throws `ERR_AIO_LIST_NOT_EMPTY` if `into` is not empty
   */
  splitAfter(link: ListLink<T>, into: QTailQ<T>): void {
    requireKind(QTailQ, into)
    const next = this.#own(link).next
    if (into.#first !== null) throw notEmpty()
    if (next === null) {
      into.swap(this)
      return
    }
    into.#first = this.#first
    into.#last = link
    this.#first = next
    link.next = null
    next.prev = null
    into.#identity.adopt(into.#first!, this.#identity)
  }

  /** Exchanges the elements of two lists, in constant time. */
  swap(other: QTailQ<T>): void {
    requireKind(QTailQ, other)
    const first = this.#first
    const last = this.#last
    const identity = this.#identity
    this.#first = other.#first
    this.#last = other.#last
    this.#identity = other.#identity
    other.#first = first
    other.#last = last
    other.#identity = identity
  }

  /**
   * Takes all of `other`, in constant time.
   *
   * @throws `ERR_AIO_LIST_NOT_EMPTY` if this list is not empty
   */
  move(other: QTailQ<T>): void {
    if (this.#first !== null) throw notEmpty()
    this.swap(other)
  }

  /** The elements from first to last. The one just visited must stay on the list; those inserted after it are visited. */
  *[Symbol.iterator](): IterableIterator<T> {
    const home = this.#identity
    for (let link = this.#first; link !== null; link = stayed(link, home).next) yield link.owner
  }

  /** As iterating forward, but from last to first. */
  *reversed(): IterableIterator<T> {
    const home = this.#identity
    for (let link = this.#last; link !== null; link = stayed(link, home).prev) yield link.owner
  }

  /**
   * Iterates while any element may be removed, moved or added (rule L5): an element that stays is visited once, one
   * that is removed before its turn is not. What is inserted between the current element and the next is not
   * visited. Elements that `swap`, `move`, `concat` and the like take to another list are followed there.
   *
   * For each call one iteration, to be finished or left by `break`, `return` or a throw, as `for..of` does.
   */
  *safe(): IterableIterator<T> {
    const cursor = new Cursor(this.#identity, this.#first, false)
    try {
      for (let link = cursor.take(); link !== null; link = cursor.take()) yield link.owner
    } finally {
      cursor.close()
    }
  }

  /** As `safe()`, but from last to first. */
  *reversedSafe(): IterableIterator<T> {
    const cursor = new Cursor(this.#identity, this.#last, true)
    try {
      for (let link = cursor.take(); link !== null; link = cursor.take()) yield link.owner
    } finally {
      cursor.close()
    }
  }

  #own(link: ListLink<T>): ListLink<T> {
    if (link?.home !== this.#identity) throw notOnList(link)
    return link
  }

  #insert(prev: ListLink<T> | null, link: ListLink<T>, next: ListLink<T> | null): void {
    if (link?.home !== null) throw notFree(link)
    link.home = this.#identity
    link.prev = prev
    link.next = next
    if (prev === null) this.#first = link
    else prev.next = link
    if (next === null) this.#last = link
    else next.prev = link
  }

  #unlink(link: ListLink<T>): void {
    if (this.#identity.cursors !== null) this.#identity.pass(link)
    const { prev, next } = link
    if (prev === null) this.#first = next
    else prev.next = next
    if (next === null) this.#last = prev
    else next.prev = prev
    link.clear()
  }
}
