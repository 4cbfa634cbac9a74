export { defineTask, move, type Task, type TaskOf } from '@aiokit/task'
export { type CallOptions, IOThread } from './io-thread.ts'
export type { IOThreadOptions, ThreadOptions } from './options.ts'
