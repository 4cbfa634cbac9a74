import { type Access, isAtomic, type Op } from './access.ts'

/** What else reads or writes a word that others access atomically. */
const alsoAccesses: ReadonlySet<Op> = new Set(['park', 'relaxedRead', 'relaxedWrite'])

/**
 * Which words are shared: one thread writes them and another one accesses them. The order of accesses to the others makes
 * no difference, so that they need no turns.
 *
 * It is found out by trying: no word is taken to be shared, until one turns out to be. Then the search begins anew.
 */
export class Sharing {
  readonly shared: Set<number> = new Set()
  readonly #accessors: Map<number, number> = new Map()
  readonly #written: Set<number> = new Set()
  #hasNews = false

  note(thread: number, access: Access): void {
    const { op, address } = access
    if (!(isAtomic(access) || alsoAccesses.has(op)) || this.shared.has(address)) return
    const accessors = (this.#accessors.get(address) ?? 0) | (1 << thread)
    this.#accessors.set(address, accessors)
    if (op !== 'load' && op !== 'park' && op !== 'relaxedRead') this.#written.add(address)
    if ((accessors & (accessors - 1)) === 0 || !this.#written.has(address)) return
    this.shared.add(address)
    this.#hasNews = true
  }

  /** Whether one has turned out to be shared since `takeNews()`. */
  get hasNews(): boolean {
    return this.#hasNews
  }

  takeNews(): boolean {
    const before = this.#hasNews
    this.#hasNews = false
    return before
  }
}
