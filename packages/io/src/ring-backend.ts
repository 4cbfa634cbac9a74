import type { AioContext, Sqe } from '@aiokit/aio'
import { IN, OUT } from '@aiokit/fdmon'
import {
  EAGAIN,
  ECANCELED,
  EINPROGRESS,
  EINTR,
  getsockopt,
  MSG_WAITALL,
  O_NONBLOCK,
  SO_ERROR,
  SOL_SOCKET,
} from '@aiokit/sys'
import * as op from './opcodes.ts'
import { isLeased, opened } from './opening.ts'
import type { IoBackend, Operation } from './operation.ts'

/** Operations as requests on the context's io_uring. */
export class RingBackend implements IoBackend {
  readonly #ctx: AioContext
  /** What `#prep` is called for: an argument that needs no closure. */
  #operation: Operation | null = null

  constructor(ctx: AioContext) {
    this.#ctx = ctx
  }

  start(operation: Operation): void {
    this.#operation = operation
    operation.request = this.#ctx.addSqe(this.#prep, operation)
  }

  cancel(operation: Operation): void {
    operation.request!.cancel()
  }

  completed(operation: Operation, res: number): void {
    if (operation.isPolling) {
      operation.isPolling = false
      if (res < 0) operation.end(operation.total(res))
      else if (operation.kind === op.CONNECT)
        operation.end(0 - getsockopt(operation.fd, SOL_SOCKET, SO_ERROR))
      else this.#restart(operation)
    } else if (operation.kind === op.OPENAT && !operation.mayWait && isLeased(res, operation.first)) {
      operation.mayWait = true
      this.#restart(operation)
    } else if (operation.kind === op.OPENAT && res !== -EINTR) {
      operation.end(opened(res, operation.first))
    } else if ((res === -EINTR && operation.kind !== op.CLOSE) || operation.isShort(res)) {
      this.#restart(operation)
    } else if (operation.kind === op.CONNECT ? res === -EINPROGRESS : res === -EAGAIN) {
      // A descriptor with O_NONBLOCK: the ring does not wait for it by itself.
      operation.isPolling = true
      this.#restart(operation)
    } else {
      operation.end(operation.total(res))
    }
  }

  close(): void {}

  #restart(operation: Operation): void {
    try {
      if (!operation.isCancelled) {
        this.start(operation)
        return
      }
    } catch {
      // The context is being closed.
    }
    operation.end(operation.total(-ECANCELED))
  }

  readonly #prep = (sqe: Sqe): void => {
    const operation = this.#operation!
    this.#operation = null
    const { kind, fd, first, second, position } = operation
    if (operation.isPolling) {
      sqe.prepPollAdd(fd, op.isInput(kind) ? IN : OUT)
      return
    }
    switch (kind) {
      case op.READ:
        sqe.prepRead(fd, operation.view!, position)
        break
      case op.WRITE:
        sqe.prepWrite(fd, operation.view!, position)
        break
      case op.READV:
        sqe.prepReadv(fd, operation.views!, position)
        break
      case op.WRITEV:
        sqe.prepWritev(fd, operation.views!, position)
        break
      case op.FSYNC:
        sqe.prepFsync(fd)
        break
      case op.FDATASYNC:
        sqe.prepFsync(fd, true)
        break
      case op.FALLOCATE:
        sqe.prepFallocate(fd, first, position, second)
        break
      case op.OPENAT:
        sqe.prepOpenat(fd, operation.path, operation.mayWait ? first : first | O_NONBLOCK, second)
        break
      case op.CLOSE:
        sqe.prepClose(fd)
        break
      case op.STATX:
        sqe.prepStatx(fd, operation.path, first, second, operation.view!)
        break
      case op.ACCEPT:
        sqe.prepAccept(fd, first)
        break
      case op.CONNECT:
        sqe.prepConnect(fd, operation.view!)
        break
      case op.SEND:
        // The kernel goes on with the rest itself: by then the number may be another connection's.
        sqe.prepSend(fd, operation.view!, first | MSG_WAITALL)
        break
      case op.RECV:
        sqe.prepRecv(fd, operation.view!, first)
        break
      case op.SHUTDOWN:
        sqe.prepShutdown(fd, first)
        break
    }
  }
}
