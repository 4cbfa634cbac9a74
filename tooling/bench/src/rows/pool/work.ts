import type { Answer, Small } from './tasks.ts'

/** What the tasks of a row are given and what they have to answer. */
export interface Work<A = unknown, R = unknown> {
  /** The export of tasks.ts. */
  task: 'number' | 'object'
  argument(i: number): A
  isRight(i: number, result: R): boolean
}

export const numbers: Work<number, number> = {
  task: 'number',
  argument: (i) => i,
  isRight: (i, result) => result === i + 1,
}

export const objects: Work<Small, Answer> = {
  task: 'object',
  argument: (i) => ({ id: i, name: 'aiokit', price: 1.5 }),
  isRight: (i, { id, label, total }) => id === i && label === 'aiokit' && total === 3,
}

/** Of the threads of each pool. */
export const THREADS = 2

/** Requests in flight in the case that has most. */
export const MOST_IN_FLIGHT = 64

export const tasks: URL = new URL('./tasks.js', import.meta.url)

/** How many requests are in flight in a case: "64 in flight". */
export function inFlight(name: string): number {
  return Number.parseInt(name, 10)
}

/** @throws Error if it is not the answer to request `i` */
export function check<A, R>(work: Work<A, R>, i: number, result: R): void {
  if (!work.isRight(i, result)) throw new Error(`request ${i} was answered with ${JSON.stringify(result)}`)
}
