import type { AioContext } from '../src/index.ts'

/** What was called. */
export interface Calls {
  /** In the order in which they came from each source. */
  bySource: { [source: string]: string[] }
  /** By iteration; there those of one kind are sorted, since handlers may be called in any order. */
  iterations: string[][]
}

export type Kind = 'bottom half' | 'handler' | 'timer'

/** What a context has called, in which of its iterations. */
export class Journal {
  readonly #ctx: AioContext
  readonly #bySource: { [source: string]: string[] } = {}
  readonly #iterations: string[][] = []
  #polls = -1
  /** Of all calls. */
  count = 0

  constructor(ctx: AioContext) {
    this.#ctx = ctx
  }

  /** @param kind null: it comes at a time of its own, so that nothing can be said of the iteration that it is in */
  note(kind: Kind | null, source: string, text: string): void {
    this.count++
    this.#bySource[source] ??= []
    this.#bySource[source].push(text)
    if (kind === null) return
    const { polls } = this.#ctx.stats()
    if (polls !== this.#polls) this.#iterations.push([])
    this.#polls = polls
    this.#iterations.at(-1)!.push(`${kind}: ${source}, ${text}`)
  }

  get calls(): Calls {
    return { bySource: this.#bySource, iterations: this.#iterations.map(sortEachKind) }
  }
}

function sortEachKind(calls: readonly string[]): string[] {
  const kindOf = (call: string) => call.slice(0, call.indexOf(':'))
  const neighbours: string[][] = []
  for (const call of calls) {
    const last = neighbours.at(-1)
    if (last !== undefined && kindOf(last[0]!) === kindOf(call)) last.push(call)
    else neighbours.push([call])
  }
  return neighbours.flatMap((each) => each.toSorted())
}
