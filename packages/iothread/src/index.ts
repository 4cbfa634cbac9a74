export { defineTask, move, type Task } from '@aiokit/task'
export { type CallOptions, IOThread } from './io-thread.ts'
export type { IOThreadOptions, ThreadOptions } from './options.ts'
