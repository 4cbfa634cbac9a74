import type { ResourceLimits, WorkerOptions } from 'node:worker_threads'
import { requireObject, requireString } from '@aiokit/errors'
import { defineTask, requireTask, type Task } from '@aiokit/task'

/** What a thread is started with; see `new Worker` of node:worker_threads. */
export interface ThreadOptions {
  /** Appears in debuggers and errors. Default 'aiokit iothread'. */
  name?: string
  /**
   * Loaded in the thread before it is ready, with its context current: its top level finds it as `AioContext.current`,
   * can use it at once, and cleans up with `ctx.onClose()`. A URL or an absolute path.
   */
  module?: URL | string
  resourceLimits?: ResourceLimits
  env?: WorkerOptions['env']
  execArgv?: string[]
}

export interface IOThreadOptions<A = unknown> extends ThreadOptions {
  /** The export of a module that makes the thread's AioContext, inside the thread, or a promise of it. */
  context: Task<A>
  /** What `context` is called with: anything that postMessage() can clone. */
  contextOptions?: A
}

/** The same, checked. */
export interface CheckedOptions {
  readonly name: string
  readonly context: Task
  readonly contextOptions: unknown
  /** A URL. */
  readonly module: string | undefined
  readonly worker: Pick<WorkerOptions, 'resourceLimits' | 'env' | 'execArgv'>
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_RELATIVE_MODULE` */
export function checkOptions<A>(options: IOThreadOptions<A>): CheckedOptions {
  const {
    name = 'aiokit iothread',
    context,
    contextOptions,
    module,
    resourceLimits,
    env,
    execArgv,
  } = requireObject(options, 'options')
  const { module: contextModule, exportName } = requireTask(context, 'options.context')
  return {
    name: requireString(name, 'options.name'),
    context: { module: contextModule, exportName },
    contextOptions,
    module: module === undefined ? undefined : defineTask(module).module,
    worker: { resourceLimits, env, execArgv },
  }
}
