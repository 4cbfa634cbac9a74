import { endianness } from 'node:os'
import { aioRangeError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import { type Bytes, native } from './native.ts'

/** inotify_init1(2). Pass `IN_CLOEXEC | IN_NONBLOCK`. Returns a descriptor, which is readable when there are events. */
export const inotifyInit1: (flags: number) => number = native.inotifyInit1

/**
 * inotify_add_watch(2), of a file, or of a folder and what is in it. `path` ends with a NUL byte; `mask` of `IN_...`. Returns
 * the number of the watch, the same one for what is watched already, whose mask is replaced (unless `IN_MASK_ADD`).
 */
export const inotifyAddWatch: (fd: number, path: Bytes, mask: number) => number = native.inotifyAddWatch

/** inotify_rm_watch(2). An event `IN_IGNORED` is its last. */
export const inotifyRmWatch: (fd: number, watch: number) => number = native.inotifyRmWatch

/** Bytes enough for any one event: with less, read(2) may be -EINVAL. */
export const INOTIFY_EVENT_MAX: number = 16 + 256

/** What has happened. */
export interface InotifyEvent {
  /** The number of the watch; -1 with `IN_Q_OVERFLOW`, which says that events were lost. */
  readonly watch: number
  /** `IN_...`: one of what was asked for, `IN_ISDIR` if it was a folder, `IN_IGNORED`, `IN_UNMOUNT`. */
  readonly mask: number
  /** The same for both halves of a renaming, `IN_MOVED_FROM` and `IN_MOVED_TO`; else 0. */
  readonly cookie: number
  /** Of what is in the folder that is watched; '' where it is about what is watched itself. */
  readonly name: string
}

/** Bytes of a struct inotify_event without the name. */
const HEADER_SIZE = 16
const littleEndian = endianness() === 'LE'

/**
 * The events that read(2) has written.
 *
 * @param length what the call returned: bytes of `bytes` that are events
 * @throws `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_OUT_OF_RANGE`, also if an event is not all there
 */
export function inotifyEvents(bytes: Uint8Array, length: number): InotifyEvent[] {
  if (!(bytes instanceof Uint8Array)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"bytes" must be a Uint8Array. Received ${describe(bytes)}.`,
    )
  }
  requireInteger(length, 'length', 0, bytes.byteLength)
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  const events: InotifyEvent[] = []
  for (let at = 0; at < length; ) {
    const begin = at + HEADER_SIZE
    const end = begin > length ? Number.POSITIVE_INFINITY : begin + view.getUint32(at + 12, littleEndian)
    if (end > length) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"length" is in the middle of an event: pass what read() has returned. Received ${length}.`,
      )
    }
    // Filled up with zeros, of which there is at least one.
    const name = bytes.subarray(begin, end)
    events.push({
      watch: view.getInt32(at, littleEndian),
      mask: view.getUint32(at + 4, littleEndian),
      cookie: view.getUint32(at + 8, littleEndian),
      name: Buffer.from(name.subarray(0, Math.max(0, name.indexOf(0)))).toString(),
    })
    at = end
  }
  return events
}
