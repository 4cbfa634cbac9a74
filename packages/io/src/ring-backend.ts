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
import { isLeased, opened } from './opening.ts'
import {
  ACCEPT,
  CLOSE,
  CONNECT,
  FALLOCATE,
  FDATASYNC,
  FSYNC,
  type IoBackend,
  OPENAT,
  type Operation,
  READ,
  READV,
  RECV,
  SEND,
  SHUTDOWN,
  STATX,
  WRITE,
  WRITEV,
} from './operation.ts'

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
      else if (operation.kind === CONNECT) operation.end(0 - getsockopt(operation.fd, SOL_SOCKET, SO_ERROR))
      else this.#restart(operation)
    } else if (operation.kind === OPENAT && !operation.mayWait && isLeased(res, operation.first)) {
      operation.mayWait = true
      this.#restart(operation)
    } else if (operation.kind === OPENAT && res !== -EINTR) {
      operation.end(opened(res, operation.first))
    } else if ((res === -EINTR && operation.kind !== CLOSE) || operation.isShort(res)) {
      this.#restart(operation)
    } else if (operation.kind === CONNECT ? res === -EINPROGRESS : res === -EAGAIN) {
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
      sqe.prepPollAdd(fd, kind === READ || kind === READV || kind === RECV || kind === ACCEPT ? IN : OUT)
      return
    }
    switch (kind) {
      case READ:
        sqe.prepRead(fd, operation.view!, position)
        break
      case WRITE:
        sqe.prepWrite(fd, operation.view!, position)
        break
      case READV:
        sqe.prepReadv(fd, operation.views!, position)
        break
      case WRITEV:
        sqe.prepWritev(fd, operation.views!, position)
        break
      case FSYNC:
        sqe.prepFsync(fd)
        break
      case FDATASYNC:
        sqe.prepFsync(fd, true)
        break
      case FALLOCATE:
        sqe.prepFallocate(fd, first, position, second)
        break
      case OPENAT:
        sqe.prepOpenat(fd, operation.path, operation.mayWait ? first : first | O_NONBLOCK, second)
        break
      case CLOSE:
        sqe.prepClose(fd)
        break
      case STATX:
        sqe.prepStatx(fd, operation.path, first, second, operation.view!)
        break
      case ACCEPT:
        sqe.prepAccept(fd, first)
        break
      case CONNECT:
        sqe.prepConnect(fd, operation.view!)
        break
      case SEND:
        // The kernel goes on with the rest itself: by then the number may be another connection's.
        sqe.prepSend(fd, operation.view!, first | MSG_WAITALL)
        break
      case RECV:
        sqe.prepRecv(fd, operation.view!, first)
        break
      case SHUTDOWN:
        sqe.prepShutdown(fd, first)
        break
    }
  }
}
