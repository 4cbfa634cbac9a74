import type { AsyncResource } from 'node:async_hooks'
import { type Callback, type Caller, setCaller } from '@aiokit/callback'
import { hostCall } from '@aiokit/sys'

/** What Node's loop runs. */
export interface Hosted {
  /** Its callbacks are to wait: it was told to stop, or its context is closed. */
  unwinding: boolean
}

/** Thrown through a loop whose callbacks are to wait; what is due stays due (rule X1). */
export const UNWIND: unique symbol = Symbol('unwind')

/** What Node's loop is running in this thread. */
let hosted: Hosted | null = null

// The call that is about to be made: hostCall() takes a function without arguments, which must not be made each time.
let callback: Callback = () => {}
let target: unknown
let scope: AsyncResource | null = null
let first: unknown
let second: unknown

const run = (): void => {
  try {
    // Whatever it does, a call inside it included, these are its own.
    if (scope === null) callback.call(target, first, second)
    else scope.runInAsyncScope(callback, target as never, first, second)
  } catch (error) {
    if (error !== null) throw error
    // hostCall() would take it for the end of execution, which no catch sees.
    process.nextTick(throwNull)
  }
}

const throwNull = (): never => {
  throw null
}

/**
 * Calls as Node calls its own callbacks: ticks and promises run to their end after each, and what one throws is an
 * uncaught exception, after which the loop goes on (rule A3).
 */
export const likeNode: Caller = (call, on, inside, a, b) => {
  callback = call
  target = on
  scope = inside
  first = a
  second = b
  // What is called inside of it is its own doing, and what that throws is for it to catch: the handlers that a close()
  // calls, deferred calls, lists that are no loop's.
  setCaller(inScope)
  hostCall(run)
  setCaller(likeNode)
  if (hosted?.unwinding) throw UNWIND
}

/** Calls in the async context of the callback, and leaves everything else to who polls. */
export const inScope: Caller = (call, on, inside, a, b) => {
  if (inside === null) call.call(on, a, b)
  else inside.runInAsyncScope(call, on as never, a, b)
}

/** Whether Node's loop is running this one, in this thread. */
export function isHostedNow(one: Hosted): boolean {
  return hosted === one
}

/** From now on Node's loop runs this one; null: none. Returns the former, which is to be set again. */
export function setHosted(next: Hosted | null): Hosted | null {
  const former = hosted
  hosted = next
  return former
}
