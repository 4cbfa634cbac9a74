import type { LoadResult } from '../load/load.ts'

/** What the demo tells its client process, as JSON in its only argument. */
export interface Order {
  socket: string
  size: number
  clients: number
  depth: number
  requests: number
}

/** What the client process tells the demo. */
export type Message =
  | { kind: 'progress'; done: number }
  /** It waits to be told to go on with the sweep. */
  | { kind: 'loaded'; load: LoadResult }
  | { kind: 'swept'; sweep: LoadResult }
  | { kind: 'failure'; reason: string }
