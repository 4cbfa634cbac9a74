import { end, event, type Value } from './event-text.ts'
import type { ThreadLog } from './thread-log.ts'

/** The spans of this thread that have begun and not ended: one inside the other, as viewers want them. */
export class OpenSpans {
  readonly #log: ThreadLog
  /** Their messages, which their ends have as well. */
  readonly #open: object[] = []

  constructor(log: ThreadLog) {
    this.#log = log
  }

  begin(message: object, category: string, name: string, args: readonly Value[]): void {
    this.#open.push(message)
    this.#log.append(event('B', category, name, args), this.#open.length)
  }

  /** One whose beginning was not recorded is not, and what has begun inside of it and has no end ends with it. */
  end(message: object, args: readonly Value[]): void {
    const at = this.#open.lastIndexOf(message)
    if (at < 0) return
    while (this.#open.length > at) {
      this.#open.pop()
      this.#log.append(end(this.#open.length === at ? args : []), this.#open.length)
    }
  }
}
