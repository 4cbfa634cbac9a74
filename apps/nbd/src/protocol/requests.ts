import { constants } from 'node:os'
import {
  CMD_WRITE,
  NBD_EINVAL,
  NBD_EIO,
  NBD_ENOMEM,
  NBD_ENOSPC,
  NBD_EPERM,
  REQUEST_MAGIC,
  REQUEST_SIZE,
  SIMPLE_REPLY_MAGIC,
} from './constants.ts'
import { getUint64, setUint64 } from './wire.ts'

/** What `RequestParser.next()` found. */
export const NEED_MORE = 0
export const REQUEST = 1
export const PAYLOAD = 2
export const WRONG_MAGIC = 3

/** A payload that is not complete is handed over up to a multiple of this in the export, so that no page is split. */
export const PIECE_ALIGNMENT = 4096

/**
 * Takes a client's requests out of a stream of bytes, however it was cut on the way.
 *
 * It keeps no bytes: the caller gives what it has and drops `taken` of it. A WRITE is one REQUEST and then its payload
 * in one or more pieces, each PAYLOAD; so nobody has to have room for a whole payload. While `next()` says NEED_MORE
 * it wants fewer than `REQUEST_SIZE` or `PIECE_ALIGNMENT` bytes to be kept until there are more.
 *
 * The fields are those of the latest request. There is one object a connection and nothing is allocated.
 */
export class RequestParser {
  /** Bytes that the latest `next()` used up. */
  taken = 0
  flags = 0
  type = 0
  // The client's cookie is opaque, so its halves never need to meet.
  cookieHigh = 0
  cookieLow = 0
  offset = 0
  length = 0
  /** Where in the export the latest piece of payload belongs; the piece is what was `taken`. */
  position = 0
  /** Bytes of the payload that have not come yet. */
  payloadLeft = 0

  /** Looks at `view` from `start` to `end`. */
  next(view: DataView, start: number, end: number): number {
    return this.payloadLeft > 0 ? this.#payload(end - start) : this.#request(view, start, end)
  }

  #request(view: DataView, start: number, end: number): number {
    this.taken = 0
    if (end - start < REQUEST_SIZE) return NEED_MORE
    if (view.getUint32(start) !== REQUEST_MAGIC) return WRONG_MAGIC
    this.taken = REQUEST_SIZE
    this.flags = view.getUint16(start + 4)
    this.type = view.getUint16(start + 6)
    this.cookieHigh = view.getUint32(start + 8)
    this.cookieLow = view.getUint32(start + 12)
    this.offset = getUint64(view, start + 16)
    this.length = view.getUint32(start + 24)
    this.payloadLeft = this.type === CMD_WRITE ? this.length : 0
    return REQUEST
  }

  #payload(available: number): number {
    const position = this.offset + (this.length - this.payloadLeft)
    let take = this.payloadLeft
    if (available < take) {
      const end = position + available
      // An offset too large to calculate with is beyond every export: its payload is going to be dropped.
      take = end <= Number.MAX_SAFE_INTEGER ? available - (end % PIECE_ALIGNMENT) : available
      if (take <= 0) {
        this.taken = 0
        return NEED_MORE
      }
    }
    this.position = position
    this.taken = take
    this.payloadLeft -= take
    return PAYLOAD
  }
}

/** Writes a request of `REQUEST_SIZE` bytes; the payload of a WRITE follows it. */
export function putRequest(
  view: DataView,
  at: number,
  flags: number,
  type: number,
  cookieHigh: number,
  cookieLow: number,
  offset: number,
  length: number,
): void {
  view.setUint32(at, REQUEST_MAGIC)
  view.setUint16(at + 4, flags)
  view.setUint16(at + 6, type)
  view.setUint32(at + 8, cookieHigh)
  view.setUint32(at + 12, cookieLow)
  setUint64(view, at + 16, offset)
  view.setUint32(at + 24, length)
}

/** Writes a simple reply of `REPLY_SIZE` bytes; the data of a READ without an error follows it. */
export function putReply(
  view: DataView,
  at: number,
  error: number,
  cookieHigh: number,
  cookieLow: number,
): void {
  view.setUint32(at, SIMPLE_REPLY_MAGIC)
  view.setUint32(at + 4, error)
  view.setUint32(at + 8, cookieHigh)
  view.setUint32(at + 12, cookieLow)
}

const { errno } = constants
const nbdErrors = new Map<number, number>([
  [errno.EPERM, NBD_EPERM],
  [errno.EACCES, NBD_EPERM],
  [errno.EROFS, NBD_EPERM],
  [errno.ENOMEM, NBD_ENOMEM],
  [errno.EINVAL, NBD_EINVAL],
  [errno.ENOSPC, NBD_ENOSPC],
  [errno.EDQUOT, NBD_ENOSPC],
  [errno.EFBIG, NBD_ENOSPC],
])

/** The protocol's error for a system call that failed with `result`, -errno. */
export function errorOf(result: number): number {
  return nbdErrors.get(-result) ?? NBD_EIO
}
