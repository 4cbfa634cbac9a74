import { native } from './native.ts'

// The loop that runs this thread's JavaScript (libuv's), for whoever has a loop of their own to be run by it: @aiokit/aio
// does. There is one set of hooks for each thread, and everything here is about that of the calling one. All return -errno
// on failure: -ENODEV before `hostOpen()`.

/**
 * From `hostRun(1)` on `before` is called each time before the loop waits, and `after` when it has: neither is inside
 * anything of Node's, so promises wait until the end of a `hostCall()`. What one of them throws is an uncaught exception,
 * except for null: see `hostCall()`.
 * -EEXIST if the thread has hooks already, -ENOSYS in a program that has Node-API without libuv.
 */
export const hostOpen: (before: () => void, after: () => void) => number = native.hostOpen

/** Whether the hooks are called: 1 or 0. */
export const hostRun: (on: number) => number = native.hostRun

/** Whether the hooks, while they are called, keep the thread alive: 1 or 0. At first they do not. */
export const hostKeep: (on: number) => number = native.hostKeep

/** 1: the loop does not wait, but only looks. To be called from `before` at the latest. */
export const hostHurry: (on: number) => number = native.hostHurry

/** The loop waits for `fd` to be readable as well. Returns a number for the two functions below. `fd` may be closed before. */
export const hostWatch: (fd: number) => number = native.hostWatch

/** Undoes `hostWatch()`. */
export const hostUnwatch: (watch: number) => number = native.hostUnwatch

/** 1 if the loop has found it readable since the last call. */
export const hostTakeFired: (watch: number) => number = native.hostTakeFired

/** The descriptor that is readable when the loop has something to do: uv_backend_fd(). */
export const hostBackend: () => number = native.hostBackend

/** How long the loop may wait: milliseconds, -1 for ever, 0 if it has to be let go on. Only without `hostHurry(1)`. */
export const hostTimeout: () => number = native.hostTimeout

/**
 * Calls `callback` as Node calls those of its own: ticks and promises run to their end afterwards, unless there is such a
 * call already, and what it throws is an uncaught exception. -ECANCELED if the thread is being ended. A null that it throws
 * is lost, and so is to be caught: execution that is being ended, as `timeout` of node:vm does, looks like that from outside
 * JavaScript, and goes on to end.
 */
export const hostCall: (callback: () => void) => number = native.hostCall
