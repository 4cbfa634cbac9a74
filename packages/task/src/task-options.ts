import type { Transferable } from 'node:worker_threads'
import { aioTypeError, describe, requireObject } from '@aiokit/errors'
import { requireSignal } from './aborts.ts'

/** How a task is called in another thread. */
export interface TaskOptions {
  /** What of the argument moves to the thread instead of being copied: ArrayBuffers, MessagePorts, ... */
  transfer?: readonly Transferable[]
  signal?: AbortSignal
}

/**
 * The options, each read once.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`; the reason of a signal that is aborted already
 */
export function checkTaskOptions(options: TaskOptions): {
  transfer: readonly Transferable[] | undefined
  signal: AbortSignal | undefined
} {
  const { transfer, signal } = requireObject(options, 'options')
  if (transfer !== undefined && !Array.isArray(transfer)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"options.transfer" must be an array. Received ${describe(transfer)}.`,
    )
  }
  return { transfer, signal: requireSignal(signal) }
}
