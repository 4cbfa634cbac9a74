import { threadId } from 'node:worker_threads'

// What all pools run. It must not import what only one of them needs.

export interface Small {
  id: number
  name: string
  price: number
}

export interface Answer {
  id: number
  label: string
  total: number
}

export function number(value: number): number {
  return value + 1
}

export function object({ id, name, price }: Small): Answer {
  return { id, label: name, total: price * 2 }
}

/** Which thread runs it: for waiting until all are there. */
export function thread(): number {
  return threadId
}
