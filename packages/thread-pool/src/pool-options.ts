import { availableParallelism } from 'node:os'
import {
  aioRangeError,
  aioTypeError,
  describe,
  requireBoolean,
  requireInteger,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { MAX_THREADS } from './pool-layout.ts'
import type { ThreadOptions } from './thread-options.ts'

/** How many threads a pool has (rule W2). */
export interface PoolParams {
  /** Threads that stay when there is nothing to do, from 0 to `max`; default 0. */
  min?: number
  /** Threads at most, from 1 to 256; default as many as the process may use processors. */
  max?: number
}

export interface ThreadPoolOptions extends PoolParams, Partial<ThreadOptions> {
  /** How long a thread has nothing to do before it leaves, if more than `min` are there, in ms; default 10,000. */
  idleTimeoutMs?: number
  /** Requests that may wait for a thread; default any number. */
  maxQueue?: number
  /** Measure how long requests wait and run, for `stats()`. Default false. */
  measure?: boolean
}

/** The same, checked and complete. */
export interface CheckedOptions {
  readonly min: number
  readonly max: number
  readonly idleTimeoutMs: number
  readonly maxQueue: number
  readonly measure: boolean
  readonly thread: ThreadOptions
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` */
export function checkOptions(options: ThreadPoolOptions): CheckedOptions {
  const {
    idleTimeoutMs = 10_000,
    maxQueue = Number.POSITIVE_INFINITY,
    measure = false,
  } = requireObject(options, 'options')
  const { name = 'aiokit pool', resourceLimits, env, execArgv } = options
  requireInteger(idleTimeoutMs, 'options.idleTimeoutMs', 0, 0x7fff_ffff)
  if (maxQueue !== Number.POSITIVE_INFINITY) requireInteger(maxQueue, 'options.maxQueue', 1)
  requireBoolean(measure, 'options.measure')
  requireString(name, 'options.name')
  if (resourceLimits !== undefined) requireObject(resourceLimits, 'options.resourceLimits')
  if (env !== undefined && typeof env !== 'symbol') requireObject(env, 'options.env')
  if (execArgv !== undefined && !Array.isArray(execArgv)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"options.execArgv" must be an array. Received ${describe(execArgv)}.`,
    )
  }
  return {
    ...checkParams(options, 'options.', { min: 0, max: Math.min(availableParallelism(), MAX_THREADS) }),
    idleTimeoutMs,
    maxQueue,
    measure,
    thread: {
      name,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
      ...(env === undefined ? {} : { env }),
      ...(execArgv === undefined ? {} : { execArgv }),
    },
  }
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` */
export function checkParams(
  params: PoolParams,
  prefix: string,
  defaults: Readonly<Required<PoolParams>>,
): Required<PoolParams> {
  const { min = defaults.min, max = Math.max(defaults.max, min) } = requireObject(params, prefix.slice(0, -1))
  requireInteger(min, `${prefix}min`, 0, MAX_THREADS)
  requireInteger(max, `${prefix}max`, 1, MAX_THREADS)
  if (min > max) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"${prefix}min" must not be more than "${prefix}max". Received ${min} and ${max}.`,
    )
  }
  return { min, max }
}
