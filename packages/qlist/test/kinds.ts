import { ListLink, QList, QSimpleQ, QSList, QTailQ } from '../src/index.ts'

/** An element that can be on two lists, or twice on one. */
export class Element {
  readonly name: string
  readonly links: readonly Link[]

  constructor(name: string) {
    this.name = name
    this.links = [new ListLink<Element>(this), new ListLink<Element>(this)]
  }

  get link(): Link {
    return this.links[0]!
  }
}

export type Link = ListLink<Element>

/** All that any kind can do. */
export interface AnyList extends Iterable<Element> {
  readonly isEmpty: boolean
  readonly first: Element | null
  readonly last?: Element | null
  next(link: Link): Element | null
  prev?(link: Link): Element | null
  insertHead(link: Link): void
  insertTail?(link: Link): void
  insertBefore?(at: Link, link: Link): void
  insertAfter(at: Link, link: Link): void
  remove(link: Link): void
  safeRemove(link: Link): void
  removeHead(): Element | null
  removeAfter?(at: Link): Element | null
  removeSeveral?(left: Link, right: Link): void
  concat(other: AnyList): void
  prepend?(other: AnyList): void
  splitAfter?(link: Link, into: AnyList): void
  swap(other: AnyList): void
  move(other: AnyList): void
  safe(): Iterable<Element>
  reversed?(): Iterable<Element>
  reversedSafe?(): Iterable<Element>
}

export interface Kind {
  readonly name: string
  readonly create: () => AnyList
}

export const KINDS: readonly Kind[] = [
  { name: 'QList', create: () => new QList<Element>() },
  { name: 'QSList', create: () => new QSList<Element>() },
  { name: 'QSimpleQ', create: () => new QSimpleQ<Element>() },
  { name: 'QTailQ', create: () => new QTailQ<Element>() },
]

export function fill(list: AnyList, elements: readonly Element[]): void {
  for (const { link } of [...elements].reverse()) list.insertHead(link)
}

export function some(count: number): Element[] {
  return Array.from({ length: count }, (_, i) => new Element(String.fromCharCode(97 + i)))
}
