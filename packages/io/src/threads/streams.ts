import type { AioContext } from '@aiokit/aio'
import {
  close,
  EAGAIN,
  ECANCELED,
  EINPROGRESS,
  F_DUPFD_CLOEXEC,
  fcntl,
  getsockopt,
  MSG_PEEK,
  MSG_WAITALL,
  own,
  SO_TYPE,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SystemError,
} from '@aiokit/sys'
import * as op from '../opcodes.ts'
import type { Operation } from '../operation.ts'
import type { Deliveries } from './deliveries.ts'
import { call } from './stream-calls.ts'

/**
 * Operations on everything that is no file, without a ring: tried at once, and again when the descriptor is ready.
 *
 * One that waits has a descriptor of its own for what it waits for, as with a ring the kernel has: the program may watch
 * its own, or close it meanwhile. If there is none to be had, -EMFILE is the result.
 */
export class Streams {
  readonly #ctx: AioContext
  readonly #deliveries: Deliveries
  readonly #waiting: Set<Operation> = new Set<Operation>()

  constructor(ctx: AioContext, deliveries: Deliveries) {
    this.#ctx = ctx
    this.#deliveries = deliveries
  }

  start(operation: Operation): void {
    const { kind, fd, first } = operation
    if (kind === op.RECV && (first & (MSG_WAITALL | MSG_PEEK)) === MSG_WAITALL) {
      const type = getsockopt(fd, SOL_SOCKET, SO_TYPE)
      operation.isWhole = type === SOCK_STREAM || type === SOCK_SEQPACKET
    }
    let res = advance(operation, fd)
    if (mustWait(operation, res)) {
      res = this.#wait(operation)
      if (res === 0) return
    }
    this.#deliveries.add(operation, operation.total(res))
  }

  cancel(operation: Operation): void {
    if (!this.#waiting.has(operation)) return
    this.#stopWaiting(operation)
    this.#deliveries.add(operation, operation.total(-ECANCELED))
  }

  close(): void {
    for (const operation of this.#waiting) operation.cancel()
  }

  /** Returns 0, or -errno if it cannot be waited for. */
  #wait(operation: Operation): number {
    const fd = fcntl(operation.fd, F_DUPFD_CLOEXEC, 0)
    if (fd < 0) return fd
    own(fd)
    const ready = () => this.#ready(operation)
    try {
      this.#ctx.setFdHandler(fd, op.isInput(operation.kind) ? { read: ready } : { write: ready })
    } catch (error) {
      close(fd)
      if (error instanceof SystemError) return error.errno
      throw error
    }
    operation.watchFd = fd
    this.#waiting.add(operation)
    return 0
  }

  #stopWaiting(operation: Operation): void {
    this.#waiting.delete(operation)
    this.#ctx.setFdHandler(operation.watchFd, null)
    close(operation.watchFd)
    operation.watchFd = -1
  }

  #ready(operation: Operation): void {
    const res = advance(operation, operation.watchFd)
    if (mustWait(operation, res)) return
    this.#stopWaiting(operation)
    // From a handler of the context: what else is known is told as well, in its order.
    this.#deliveries.add(operation, operation.total(res))
    this.#deliveries.deliver()
  }
}

function mustWait({ kind }: Operation, res: number): boolean {
  return res === (kind === op.CONNECT ? -EINPROGRESS : -EAGAIN)
}

/** As far as it goes now. Returns the last result. */
function advance(operation: Operation, fd: number): number {
  for (;;) {
    const res = call(operation, fd)
    if (!operation.isShort(res)) return res
  }
}
