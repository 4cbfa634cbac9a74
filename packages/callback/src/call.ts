import type { AsyncResource } from 'node:async_hooks'
import { aioCallback, type CallbackKind, type CallbackSource } from '@aiokit/trace'

// biome-ignore lint/suspicious/noExplicitAny: callbacks are of many kinds, and `this` of as many
export type Callback = (this: any, a?: any, b?: any) => unknown

/** Calls `callback` on `target`, in the async context of `scope` unless that is null. */
export type Caller = (
  callback: Callback,
  target: unknown,
  scope: AsyncResource | null,
  a: unknown,
  b: unknown,
) => void

/** Of this thread, as a loop and what it calls are. */
let caller: Caller | null = null

/**
 * Calls a callback of the program's as whoever runs the loop wants it done: directly, if nobody has said anything else.
 * What it returns is of no interest.
 *
 * @param scope what `captureScope()` gave when the callback was handed over; null if it is of no matter
 * @param kind what it is called for, and `source` of what, for who listens to `aiokit:aio_callback_begin` and `_end`
 * @throws what the callback throws, unless the caller takes care of that
 */
export function call(
  callback: Callback,
  target: unknown,
  scope: AsyncResource | null,
  kind: CallbackKind = 'callback',
  source: CallbackSource | null = null,
): void {
  if (aioCallback.hasSubscribers) traced(callback, target, scope, undefined, undefined, kind, source)
  else if (caller === null) callback.call(target)
  else caller(callback, target, scope, undefined, undefined)
}

/** The same, with two arguments. */
export function callWith(
  callback: Callback,
  target: unknown,
  scope: AsyncResource | null,
  a: unknown,
  b: unknown,
  kind: CallbackKind = 'callback',
  source: CallbackSource | null = null,
): void {
  if (aioCallback.hasSubscribers) traced(callback, target, scope, a, b, kind, source)
  else if (caller === null) callback.call(target, a, b)
  else caller(callback, target, scope, a, b)
}

/** Whoever calls, and whatever they make of what is thrown: the end comes when they are done with it. */
function traced(
  callback: Callback,
  target: unknown,
  scope: AsyncResource | null,
  a: unknown,
  b: unknown,
  kind: CallbackKind,
  source: CallbackSource | null,
): void {
  const span = aioCallback.begin({ kind, callback, source })
  try {
    if (caller === null) callback.call(target, a, b)
    else caller(callback, target, scope, a, b)
  } finally {
    aioCallback.end(span)
  }
}

/** Who calls from now on; null: nobody in particular. Returns who did before, to be set again at the end. */
export function setCaller(next: Caller | null): Caller | null {
  const former = caller
  caller = next
  return former
}
