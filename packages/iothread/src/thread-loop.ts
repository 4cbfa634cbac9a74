import type { AioContext } from '@aiokit/aio'
import { nodeLoopFd, nodeLoopTimeout } from '@aiokit/sys'

/**
 * The loop of an I/O thread: polls its context, and between two polls gives Node's loop a turn, about 1 us, in which
 * promises, ticks and immediates run to their end.
 *
 * A poll waits for Node's loop as well, so that nothing of it comes late: for the descriptor which that loop waits on, and
 * for no longer than that loop would wait itself.
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
    // It is Node's turn that does what is to be done.
    this.#ctx.setFdHandler(nodeLoopFd(), { read() {} })
    // Without anything that keeps Node's loop alive it does not say when timers are due that do not.
    setInterval(() => {}, 2 ** 30)
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
  const timeoutMs = nodeLoopTimeout()
  if (timeoutMs === 0 || process.getActiveResourcesInfo().includes('Immediate')) return 0
  return timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs * 1e6
}
