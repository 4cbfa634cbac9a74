import type { Transferable } from 'node:worker_threads'
import { aioTypeError, describe } from '@aiokit/errors'

/** Known to every copy of this package: tasks may have another than the thread's program. */
const moved: unique symbol = Symbol.for('aiokit.task.moved')

/** A result whose parts are to be moved to the thread that asked for it and not copied. */
interface Moved {
  readonly [moved]: true
  readonly value: unknown
  readonly transfer: readonly Transferable[]
}

/**
 * For a task to return: `value`, of which `transfer` (ArrayBuffers, MessagePorts, ...) moves to whoever asked for it
 * instead of being copied (rule W8).
 *
 *     export const render = (scene) => {
 *       const pixels = draw(scene)
 *       return move(pixels, [pixels.buffer])
 *     }
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`
 */
export function move<T>(value: T, transfer: readonly Transferable[]): T {
  if (!Array.isArray(transfer)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"transfer" must be an array, such as [value.buffer]. Received ${describe(transfer)}.`,
    )
  }
  return { [moved]: true, value, transfer } satisfies Moved as T
}

/** Whether a task has returned `move(...)`. */
export function isMoved(result: unknown): result is Moved {
  return typeof result === 'object' && result !== null && moved in result
}
