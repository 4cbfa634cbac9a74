export { defineTask, move, type Task } from '@aiokit/task'
export type { PoolParams, ThreadPoolOptions } from './pool-options.ts'
export type { Done, PoolRequest } from './pool-request.ts'
export { type SubmitOptions, ThreadPool, type ThreadPoolStats } from './thread-pool.ts'
