import { lengthOf } from '@aiokit/buffer-pool'
import { EAGAIN, F_GETFL, fcntl, O_DIRECT, preadv2, RWF_NOWAIT } from '@aiokit/sys'
import * as op from '../opcodes.ts'
import type { Operation } from '../operation.ts'

/** The most bytes that are read without a worker: to copy them takes some 10 µs, about what a worker costs. */
const MAX_LENGTH = 1 << 16

/**
 * Reads what the kernel has in memory, as a ring does when a request is made. Returns the count, which may be of a part,
 * or -errno if there is nothing: a worker finds out whether it is an error.
 */
export function readCached({ kind, fd, view, views, position }: Operation): number {
  if (!op.isReading(kind) || position < 0) return -EAGAIN
  const all = views ?? [view!]
  let length = 0
  for (const one of all) length += lengthOf(one)
  // What is open with O_DIRECT has nothing in memory, and is waited for all the same.
  if (length === 0 || length > MAX_LENGTH || (fcntl(fd, F_GETFL, 0) & O_DIRECT) !== 0) return -EAGAIN
  return preadv2(fd, all, position, RWF_NOWAIT)
}
