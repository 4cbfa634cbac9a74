import { bufferOf, lengthOf, offsetOf } from '@aiokit/buffer-pool'
import {
  EAGAIN,
  EOPNOTSUPP,
  ESPIPE,
  F_GETFL,
  fcntl,
  O_NONBLOCK,
  PIPE_BUF,
  POLLIN,
  POLLOUT,
  ppoll,
  preadv2,
  pwritev2,
  RWF_NOWAIT,
  S_IFIFO,
} from '@aiokit/sys'
import * as op from '../opcodes.ts'
import type { Operation } from '../operation.ts'

/** struct pollfd */
const pollfd = new Int32Array(2)
const pollfdEvents = new Int16Array(pollfd.buffer, 4, 2)

/**
 * Reads or writes what is no file and no socket; -EAGAIN if it would block. O_NONBLOCK is not touched: other threads and
 * processes go by it.
 *
 * Where the kernel cannot be told (FIFOs, terminals, pipes before Linux 6.5), what poll(2) says is ready is taken for
 * it. That blocks if the program reads in two places at once, or writes to a terminal that has room for a part of it
 * only: O_NONBLOCK prevents both.
 */
export function transferWithoutWaiting(operation: Operation, fd: number): number {
  const views = operation.views ?? [operation.view!]
  const move = op.isReading(operation.kind) ? preadv2 : pwritev2
  let res = move(fd, views, operation.position, RWF_NOWAIT)
  if (res === -ESPIPE && operation.position >= 0) {
    // It has no positions: there the ring takes no notice of one.
    operation.position = -1
    res = move(fd, views, -1, RWF_NOWAIT)
  }
  return res === -EOPNOTSUPP ? transferIfReady(operation, fd, views) : res
}

function transferIfReady(operation: Operation, fd: number, views: readonly ArrayBufferView[]): number {
  const { position } = operation
  const flags = fcntl(fd, F_GETFL, 0)
  if (flags < 0) return flags
  const mayBlock = (flags & O_NONBLOCK) === 0
  const isRead = op.isReading(operation.kind)
  if (mayBlock && !isReady(fd, isRead ? POLLIN : POLLOUT)) return -EAGAIN
  // Some take one view after the other, as a call each: the second one would block.
  const whole =
    operation.fileType === S_IFIFO ? views : views.filter((view) => lengthOf(view) > 0).slice(0, 1)
  if (isRead) return preadv2(fd, whole, position, 0)
  return pwritev2(fd, mayBlock ? beginning(whole, PIPE_BUF) : whole, position, 0)
}

function isReady(fd: number, events: number): boolean {
  pollfd[0] = fd
  pollfdEvents[0] = events
  return ppoll(pollfd, 1, 0) > 0
}

/** The first `count` bytes of the views. */
function beginning(views: readonly ArrayBufferView[], count: number): ArrayBufferView[] {
  const some: ArrayBufferView[] = []
  for (const view of views) {
    if (count === 0) break
    const length = Math.min(lengthOf(view), count)
    some.push(new Uint8Array(bufferOf(view), offsetOf(view), length))
    count -= length
  }
  return some
}
