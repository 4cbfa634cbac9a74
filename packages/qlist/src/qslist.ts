import { Cursor } from './cursor.ts'
import { ListIdentity } from './list-identity.ts'
import type { ListLink } from './list-link.ts'
import { notEmpty, notFree, notOnList, requireKind, sameList, stayed } from './misuse.ts'

/**
 * A singly linked list with a head, QSLIST in the original: a stack. For elements that leave in any order take a
 * doubly linked kind.
 *
 * Misuse throws and changes nothing (rule L4): `ERR_AIO_LINK_INSERTED` for inserting a link that is on a list,
 * `ERR_AIO_LINK_NOT_ON_LIST` for any other use of a link that is not on this one.
 */
export class QSList<T extends object> implements Iterable<T> {
  #first: ListLink<T> | null = null
  #identity = new ListIdentity()

  get isEmpty(): boolean {
    return this.#first === null
  }

  /** Null if the list is empty. */
  get first(): T | null {
    return this.#first === null ? null : this.#first.owner
  }

  /** The element after that of `link`; null after the last. */
  next(link: ListLink<T>): T | null {
    const next = this.#own(link).next
    return next === null ? null : next.owner
  }

  insertHead(link: ListLink<T>): void {
    this.#insertAfter(null, link)
  }

  insertAfter(at: ListLink<T>, link: ListLink<T>): void {
    this.#insertAfter(this.#own(at), link)
  }

  /** O(n), as in the original: the one before it must be found. `removeHead()` and `removeAfter()` take constant time. */
  remove(link: ListLink<T>): void {
    this.#own(link)
    let prev: ListLink<T> | null = null
    for (let at = this.#first; at !== link; at = at!.next) prev = at
    this.#unlinkAfter(prev)
  }

  /** As `remove()`, but does nothing if the link is on no list. On another list it is an error all the same. */
  safeRemove(link: ListLink<T>): void {
    if (link?.home !== null) this.remove(link)
  }

  /** Removes the first element and returns it; null if the list is empty. */
  removeHead(): T | null {
    return this.#unlinkAfter(null)
  }

  /** Removes the element after that of `at` and returns it; null if `at` is the last. */
  removeAfter(at: ListLink<T>): T | null {
    return this.#unlinkAfter(this.#own(at))
  }

  /**
   * Appends all of `other`, which is empty then. O(length of both): the end must be found, and links know whose they
   * are. Constant time if either is empty.
   *
   * @throws `ERR_AIO_SAME_LIST` if it is this list
   */
  concat(other: QSList<T>): void {
    requireKind(QSList, other)
    if (other === this) throw sameList()
    const joint = other.#first
    if (joint === null) return
    if (this.#first === null) {
      this.swap(other)
      return
    }
    let last = this.#first
    while (last.next !== null) last = last.next
    this.#identity.adopt(joint, other.#identity)
    last.next = joint
    other.#first = null
  }

  /** Exchanges the elements of two lists, in constant time. */
  swap(other: QSList<T>): void {
    requireKind(QSList, other)
    const first = this.#first
    const identity = this.#identity
    this.#first = other.#first
    this.#identity = other.#identity
    other.#first = first
    other.#identity = identity
  }

  /**
   * Takes all of `other`, in constant time.
   *
   * @throws `ERR_AIO_LIST_NOT_EMPTY` if this list is not empty
   */
  move(other: QSList<T>): void {
    if (this.#first !== null) throw notEmpty()
    this.swap(other)
  }

  /** The elements from first to last. The one just visited must stay on the list; those inserted after it are visited. */
  *[Symbol.iterator](): IterableIterator<T> {
    const home = this.#identity
    for (let link = this.#first; link !== null; link = stayed(link, home).next) yield link.owner
  }

  /**
   * Iterates while any element may be removed, moved or added (rule L5): an element that stays is visited once, one
   * that is removed before its turn is not. What is inserted between the current element and the next is not
   * visited. Elements that `swap`, `move` and `concat` take to another list are followed there.
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

  #own(link: ListLink<T>): ListLink<T> {
    if (link?.home !== this.#identity) throw notOnList(link)
    return link
  }

  #insertAfter(prev: ListLink<T> | null, link: ListLink<T>): void {
    if (link?.home !== null) throw notFree(link)
    link.home = this.#identity
    if (prev === null) {
      link.next = this.#first
      this.#first = link
    } else {
      link.next = prev.next
      prev.next = link
    }
  }

  #unlinkAfter(prev: ListLink<T> | null): T | null {
    const link = prev === null ? this.#first : prev.next
    if (link === null) return null
    if (this.#identity.cursors !== null) this.#identity.pass(link)
    if (prev === null) this.#first = link.next
    else prev.next = link.next
    link.clear()
    return link.owner
  }
}
