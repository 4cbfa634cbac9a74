import { native } from './native.ts'

/** The descriptor that Node's loop of this thread waits on, readable when there is something for it (uv_backend_fd of libuv). */
export const nodeLoopFd: () => number = native.nodeLoopFd

/**
 * For how long Node's loop of this thread could wait, in milliseconds (uv_backend_timeout of libuv): -1 for ever; 0 if it
 * has something to do first, such as handing what it waits for to the kernel, or if nothing keeps it alive. Immediates are
 * not looked at: `process.getActiveResourcesInfo()` tells.
 *
 * To be called from an immediate. Takes the longer the more handles the loop has, some 10 ns for each.
 */
export const nodeLoopTimeout: () => number = native.nodeLoopTimeout
