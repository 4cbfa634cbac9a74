import { bufferOf, lengthOf, offsetOf, requireView } from '@aiokit/buffer-pool'
import { aioRangeError, aioTypeError, describe } from '@aiokit/errors'

/** What the kernel moves at most in one call, MAX_RW_COUNT. */
const MAX_TRANSFER = 0x7fff_f000
/** IOV_MAX, readv(2) */
const IOV_MAX = 1024

/** Returns the view, or the part of it that the kernel moves at once. @throws `ERR_AIO_INVALID_ARG_TYPE` */
export function requirePart(value: ArrayBufferView, name: string): ArrayBufferView {
  const view = requireView(value, name)
  return lengthOf(view) <= MAX_TRANSFER ? view : new Uint8Array(bufferOf(view), offsetOf(view), MAX_TRANSFER)
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` */
export function requireViews(values: readonly ArrayBufferView[]): ArrayBufferView[] {
  if (!isArray(values)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"buffers" must be an array of views. Received ${describe(values)}.`,
    )
  }
  // Each property is asked for once, and all of them before any is looked at: a getter may do anything to the others.
  const { length } = values
  if (length > IOV_MAX) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"buffers" must have at most ${IOV_MAX} views. Received ${length}.`,
    )
  }
  const views: ArrayBufferView[] = []
  for (let i = 0; i < length; i++) views.push(values[i]!)
  for (let i = 0; i < views.length; i++) views[i] = requirePart(views[i]!, `buffers[${i}]`)
  return views
}

function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value)
  } catch {
    // A proxy that was revoked.
    return false
  }
}
