import { AsyncResource } from 'node:async_hooks'

let hosts = 0

/**
 * The async context at this moment (what `AsyncLocalStorage` goes by), for a callback that is handed over now and called
 * later. Taken for what is handed over seldom and called often; it costs some 40 ns.
 */
export function captureScope(type: string): AsyncResource {
  // Nobody listens for the end of such a thing, and the garbage collector should not have to tell.
  return new AsyncResource(type, { requireManualDestroy: true })
}

/** The same for what is called once: nothing while every loop of the thread is run by calls of `poll()`. */
export function captureScopeIfHosted(type: string): AsyncResource | null {
  return hosts > 0 ? captureScope(type) : null
}

/** Whether Node's loop runs one of the thread's loops. */
export function isHosted(): boolean {
  return hosts > 0
}

/** Node's loop is about to run (1), or runs no more (-1), one of the thread's loops. */
export function countHosted(change: 1 | -1): void {
  hosts += change
}
