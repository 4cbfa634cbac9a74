/** What a thread does to memory, or to an eventfd: one step of an interleaving. */
export type Op =
  // Atomics.*
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'and'
  | 'or'
  | 'exchange'
  | 'compareExchange'
  // Atomics.wait in two steps: going to sleep, if the word is what was expected; and waking up
  | 'park'
  | 'parked'
  | 'notify'
  // An element of a typed array
  | 'read'
  | 'write'
  // The same of a word that is said to be accessed atomically as well
  | 'relaxedRead'
  | 'relaxedWrite'
  // A message port that holds one message
  | 'send'
  | 'receive'
  // System calls on an eventfd
  | 'eventfdWrite'
  | 'eventfdRead'
  | 'wait'
  // Ghosts: they are in no program, and say what a program has made known and may count on
  | 'publish'
  | 'observe'

export interface Access {
  readonly op: Op
  /** Of the word or the eventfd; of `wait` the first of them. */
  readonly address: number
  /**
   * The operand; of `compareExchange` and `park` what is expected; of `wait` 1 if it sleeps and 0 if it only looks; of
   * `parked` 1 if it ends by itself.
   */
  readonly a: number
  /** Of `compareExchange` the replacement. */
  readonly b: number
  /** Of `wait`: the eventfds that end it. */
  readonly all?: readonly number[]
}

/** Whether it is one of `Atomics`' accesses to a word, those of waiting left out. */
export function isAtomic({ op }: Access): boolean {
  switch (op) {
    case 'load':
    case 'store':
    case 'add':
    case 'sub':
    case 'and':
    case 'or':
    case 'exchange':
    case 'compareExchange':
      return true
    default:
      return false
  }
}

/**
 * Whether the access needs no turn of its own and is made together with the one before. Ghosts nobody notices. Plain
 * accesses nobody notices either unless there is a race, which is found in whatever order they are made. And a word that
 * is not in `shared` no other thread accesses, or nobody writes.
 */
export function isQuiet(access: Access, shared: ReadonlySet<number>): boolean {
  switch (access.op) {
    case 'read':
    case 'write':
    case 'relaxedRead':
    case 'publish':
    case 'observe':
      return true
    default:
      return isAtomic(access) && !shared.has(access.address)
  }
}
