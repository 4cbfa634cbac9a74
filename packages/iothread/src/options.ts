import type { ResourceLimits, WorkerOptions } from 'node:worker_threads'
import { defaultPollSettings, type PollParams, type PollSettings, pollSettings } from '@aiokit/aio'
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
  /**
   * How the thread's context polls before it sleeps, whatever it was made with. Default 32,768 ns at most, or what the
   * environment variable AIOKIT_POLL_MAX_NS says (rule P1): a thread of its own has nothing else to do meanwhile.
   */
  poll?: PollParams
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
  readonly poll: PollSettings
  readonly worker: Pick<WorkerOptions, 'resourceLimits' | 'env' | 'execArgv'>
}

/** See rule P1. */
const POLL_MAX_NS = 32_768

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_RELATIVE_MODULE` */
export function checkOptions<A>(options: IOThreadOptions<A>): CheckedOptions {
  const {
    name = 'aiokit iothread',
    context,
    contextOptions,
    module,
    poll = {},
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
    poll: pollSettings(poll, 'options.poll', defaultPollSettings(POLL_MAX_NS)),
    worker: { resourceLimits, env, execArgv },
  }
}
