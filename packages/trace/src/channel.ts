import { channel } from 'node:diagnostics_channel'

/** A channel of node:diagnostics_channel with messages of one type. Those who listen subscribe there, by its name. */
export interface TraceChannel<M extends object> {
  readonly name: string
  /** To be looked at before a message is made: false, it costs nothing in compiled code. */
  readonly hasSubscribers: boolean
  /** Calls who listens, in this thread. What they throw is an uncaught exception, and does not come here. */
  publish(message: M): void
}

/** The channel `aiokit:<name>`, which is one for all copies of this package in a thread. */
export function traceChannel<M extends object>(name: string): TraceChannel<M> {
  return channel(`aiokit:${name}`) as TraceChannel<M>
}

/**
 * Something that takes time: its channels are `aiokit:<name>_begin` and `aiokit:<name>_end`. Both get the same message, so
 * that who listens can tell which end is that of which beginning. Whatever is thrown in between, the end is published.
 */
export class TraceSpan<M extends object> {
  readonly #begin: TraceChannel<M>
  readonly #end: TraceChannel<M>

  constructor(name: string) {
    this.#begin = traceChannel(`${name}_begin`)
    this.#end = traceChannel(`${name}_end`)
  }

  /** Of its channels: the beginning, and the end. */
  get names(): [begin: string, end: string] {
    return [this.#begin.name, this.#end.name]
  }

  /** See `TraceChannel.hasSubscribers`. */
  get hasSubscribers(): boolean {
    return this.#begin.hasSubscribers || this.#end.hasSubscribers
  }

  /** Returns the message, for `end()`. */
  begin(message: M): M {
    if (this.#begin.hasSubscribers) this.#begin.publish(message)
    return message
  }

  end(message: M): void {
    if (this.#end.hasSubscribers) this.#end.publish(message)
  }
}
