import type { Transferable } from 'node:worker_threads'
import { aioTypeError, describe, requireObject } from '@aiokit/errors'
import { abortReason } from './aborts.ts'

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
  if (transfer !== undefined && !Array.isArray(transfer)) throw wrongOption('transfer', 'an array', transfer)
  if (signal !== undefined) {
    if (!(signal instanceof AbortSignal)) throw wrongOption('signal', 'an AbortSignal', signal)
    if (signal.aborted) throw abortReason(signal)
  }
  return { transfer, signal }
}

function wrongOption(name: string, kind: string, value: unknown): Error {
  return aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"options.${name}" must be ${kind}. Received ${describe(value)}.`,
  )
}
