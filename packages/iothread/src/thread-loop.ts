import type { AioContext } from '@aiokit/aio'

/** How long a wait may keep what is in Node's loop of the thread waiting, ns. */
const NODE_INTERVAL_NS = 1e6

/**
 * The loop of an I/O thread: polls its context, and between two polls gives Node's loop a turn, about 1 us, in which
 * promises, ticks and immediates run to their end.
 *
 * While Node has timers, sockets, requests or ports of its own to wait for, no poll waits longer than a millisecond for
 * their sake; while it has none, a poll waits for as long as it takes.
 */
export class ThreadLoop {
  readonly #ctx: AioContext
  readonly #isOver: () => boolean
  readonly #end: () => void

  /** @param isOver asked before each poll: true ends the loop, and `end` is called */
  constructor(ctx: AioContext, isOver: () => boolean, end: () => void) {
    this.#ctx = ctx
    this.#isOver = isOver
    this.#end = end
  }

  start(): void {
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    if (this.#isOver()) {
      this.#end()
      return
    }
    const timeoutNs = longestWaitNs()
    // First: an error that leaves the poll does not end the loop if there is a handler for uncaught exceptions.
    setImmediate(this.#turn)
    this.#ctx.poll(true, timeoutNs)
  }
}

function longestWaitNs(): number {
  const resources = process.getActiveResourcesInfo()
  if (resources.length === 0) return Number.POSITIVE_INFINITY
  return resources.includes('Immediate') ? 0 : NODE_INTERVAL_NS
}
