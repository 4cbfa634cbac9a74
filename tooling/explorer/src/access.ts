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
  // An element of a typed array
  | 'read'
  | 'write'
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
  /** The operand; of `compareExchange` what is expected; of `wait` 1 if it sleeps and 0 if it only looks. */
  readonly a: number
  /** Of `compareExchange` the replacement. */
  readonly b: number
  /** Of `wait`: the eventfds that end it. */
  readonly all?: readonly number[]
}

/**
 * Whether the access needs no turn of its own and is made together with the one before. Ghosts nobody notices. Plain
 * accesses nobody notices either unless there is a race, which is found in whatever order they are made.
 */
export function isQuiet({ op }: Access): boolean {
  return op === 'read' || op === 'write' || op === 'publish' || op === 'observe'
}
