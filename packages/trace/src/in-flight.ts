import { threadId } from 'node:worker_threads'
import { async, type Value } from './event-text.ts'
import type { ThreadLog } from './thread-log.ts'

interface Known {
  readonly name: string
  readonly id: string
}

let requests = 0

/** Requests that go on beside the thread: each has a line of its own in a viewer. */
export class InFlight {
  readonly #log: ThreadLog
  readonly #category: string
  readonly #known: WeakMap<object, Known> = new WeakMap<object, Known>()

  constructor(log: ThreadLog, category: string) {
    this.#log = log
    this.#category = category
  }

  begin(request: object, name: string, args: readonly Value[]): void {
    // Of all threads of the process.
    const id = `0x${(threadId * 2 ** 32 + ++requests).toString(16)}`
    this.#known.set(request, { name, id })
    this.#append('b', name, id, args)
  }

  /** Something has happened to it. */
  note(request: object, args: readonly Value[]): void {
    const known = this.#known.get(request)
    if (known !== undefined) this.#append('n', known.name, known.id, args)
  }

  /** One whose beginning was not recorded is not. */
  end(request: object, args: readonly Value[]): void {
    const known = this.#known.get(request)
    if (known === undefined) return
    this.#known.delete(request)
    this.#append('e', known.name, known.id, args)
  }

  #append(phase: 'b' | 'n' | 'e', name: string, id: string, args: readonly Value[]): void {
    this.#log.append(async(phase, this.#category, name, id, args), this.#log.depth)
  }
}
