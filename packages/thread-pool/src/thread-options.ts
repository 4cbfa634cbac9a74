import type { ResourceLimits, WorkerOptions } from 'node:worker_threads'

/** What threads are started with; see `new Worker` of node:worker_threads. */
export interface ThreadOptions {
  /** Appears in debuggers and `process.title`-like places. Default 'aiokit pool'. */
  readonly name: string
  readonly resourceLimits?: ResourceLimits
  readonly env?: WorkerOptions['env']
  readonly execArgv?: string[]
}
