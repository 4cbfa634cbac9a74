import { aioTypeError, describe } from '@aiokit/errors'
import { Allocation } from './allocation.ts'

// What a view shows, asked of the view itself. An object can be given properties `buffer`, `byteOffset` and `byteLength`
// of its own, which say something else, and something else the next time: of those the kernel must hear nothing.

type Getter<T> = (this: ArrayBufferView) => T

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype)
const kind = getter<string | undefined>(typedArray, Symbol.toStringTag)
const arrayBuffer = getter<ArrayBufferLike>(typedArray, 'buffer')
const arrayOffset = getter<number>(typedArray, 'byteOffset')
const arrayLength = getter<number>(typedArray, 'byteLength')
const dataViewBuffer = getter<ArrayBufferLike>(DataView.prototype, 'buffer')
const dataViewOffset = getter<number>(DataView.prototype, 'byteOffset')
const dataViewLength = getter<number>(DataView.prototype, 'byteLength')
const { at } = Uint8Array.prototype

function getter<T>(prototype: object, name: string | symbol): Getter<T> {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get!
}

/** The memory that `view` is of. */
export function bufferOf(view: ArrayBufferView): ArrayBufferLike {
  const own = Allocation.blockOf(view)
  if (own !== null) return own.slab.memory
  return kind.call(view) === undefined ? dataViewBuffer.call(view) : arrayBuffer.call(view)
}

/** Where in its memory `view` begins. @throws TypeError for a DataView that shows nothing any more */
export function offsetOf(view: ArrayBufferView): number {
  const own = Allocation.blockOf(view)
  if (own !== null) return own.offset
  return kind.call(view) === undefined ? dataViewOffset.call(view) : arrayOffset.call(view)
}

/** How many bytes `view` has; 0 for an array that shows nothing any more. @throws TypeError for such a DataView */
export function lengthOf(view: ArrayBufferView): number {
  const own = Allocation.lengthOf(view)
  if (own >= 0) return own
  return kind.call(view) === undefined ? dataViewLength.call(view) : arrayLength.call(view)
}

/** True if the memory of `view` was detached, or has shrunk so that it has no place in it. */
export function isGone(view: ArrayBufferView): boolean {
  try {
    // An array says so only when it is used: its length is that of an empty one.
    if (lengthOf(view) === 0 && kind.call(view) !== undefined) at.call(view as Uint8Array, 0)
    return false
  } catch {
    return true
  }
}

/**
 * Returns `value` if it is a view that shows memory: what a request is to use has to be looked at before.
 *
 * @param name what errors call it
 * @throws `ERR_AIO_INVALID_ARG_TYPE`
 */
export function requireView(value: ArrayBufferView, name: string): ArrayBufferView {
  if (!ArrayBuffer.isView(value)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" must be a typed array, a Buffer or a DataView. Received ${describe(value)}.`,
    )
  }
  if (isGone(value)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" is a view of memory that was detached, or has shrunk and has no place for it any more: make another one.`,
    )
  }
  return value
}
