import { setImmediate } from 'node:timers/promises'
import { type AioContext, sys } from 'aiokit'

/** Longest time without a turn of Node's loop, which is where signals and child processes are heard. */
const TURN_INTERVAL_NS = 50e6

/**
 * Polls `ctx` until `stopped()`, which is asked often and has to be cheap.
 *
 * A stand-in for a context that runs Node's loop by itself. A plain poll does not run Node's own events, handlers of
 * signals among them, and a signal does not end it. So no poll lasts longer than the interval, and at the end of each
 * interval Node's loop gets one turn. A turn costs a few microseconds and a wait of its own (epoll_wait of libuv), which
 * is why a busy loop takes it at intervals and not after every poll; reading the clock to know when costs 30 ns.
 */
export async function runLoop(ctx: AioContext, stopped: () => boolean): Promise<void> {
  let turnAt = sys.monotonicNs() + TURN_INTERVAL_NS
  while (!stopped()) {
    ctx.poll(true, TURN_INTERVAL_NS)
    if (sys.monotonicNs() < turnAt) continue
    await setImmediate()
    turnAt = sys.monotonicNs() + TURN_INTERVAL_NS
  }
}
