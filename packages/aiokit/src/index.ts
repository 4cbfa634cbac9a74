export {
  type AioContextHandle,
  type AioStats,
  type AsyncFeed,
  Feed,
  type FeedOptions,
  type FeedSource,
  type PollParams,
  RemoteContext,
  type RunOptions,
} from '@aiokit/aio'
export * from '@aiokit/bottom-halves'
export * from '@aiokit/buffer-pool'
export * from '@aiokit/coroutine'
// What throws them is for the packages; a program looks at `error.code`.
export type { AioErrorCode } from '@aiokit/errors'
export * from '@aiokit/fdmon'
export * from '@aiokit/fdmon-epoll'
export * from '@aiokit/fdmon-poll'
export * from '@aiokit/fdmon-uring'
export * from '@aiokit/io'
export type { CallOptions } from '@aiokit/iothread'
export * from '@aiokit/notifier'
export * from '@aiokit/qlist'
// System calls have the names that they have everywhere (read, close, ...), which would say too little here.
export * as sys from '@aiokit/sys'
export {
  defineTask,
  importTask,
  loadTask,
  move,
  requireTask,
  type Task,
  type TaskArgument,
  type TaskFunction,
  type TaskOf,
  type TaskResult,
} from '@aiokit/task'
export {
  type Done,
  type PoolParams,
  type PoolRequest,
  type SubmitOptions,
  ThreadPool,
  type ThreadPoolOptions,
  type ThreadPoolStats,
} from '@aiokit/thread-pool'
export * from '@aiokit/timers'
export { startTrace, type Trace } from '@aiokit/trace'
export { AioContext, type AioContextOptions } from './aio-context.ts'
export { chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'
export { IOThread, type IOThreadOptions } from './io-thread.ts'
