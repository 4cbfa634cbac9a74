import type { AioContext } from '@aiokit/aio'
import {
  accept4,
  close,
  connect,
  EAGAIN,
  EALREADY,
  ECANCELED,
  EINPROGRESS,
  EINTR,
  F_DUPFD_CLOEXEC,
  F_GETFL,
  F_SETFL,
  fcntl,
  getsockopt,
  MSG_DONTWAIT,
  O_NONBLOCK,
  read,
  recv,
  SO_ERROR,
  SOL_SOCKET,
  send,
  shutdown,
  write,
} from '@aiokit/sys'
import {
  ACCEPT,
  CONNECT,
  type Operation,
  READ,
  READV,
  RECV,
  SEND,
  SHUTDOWN,
  WRITE,
  WRITEV,
} from '../operation.ts'
import type { Deliveries } from './deliveries.ts'

/**
 * Operations on sockets, pipes and terminals without a ring: tried at once, and again when the descriptor is ready. No
 * call blocks, whatever the descriptor's O_NONBLOCK says.
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
    const res = attempt(operation, operation.fd)
    if (mustWait(operation, res)) this.#wait(operation)
    else this.#finish(operation, res)
  }

  cancel(operation: Operation): void {
    if (!this.#waiting.has(operation)) return
    this.#stopWaiting(operation)
    this.#deliveries.add(operation, operation.total(-ECANCELED))
  }

  close(): void {
    for (const operation of this.#waiting) operation.cancel()
  }

  #finish(operation: Operation, res: number): void {
    if (operation.isShort(res)) this.start(operation)
    else this.#deliveries.add(operation, operation.total(res))
  }

  /** Watches a duplicate: the program may watch the descriptor itself, or close it while the operation waits. */
  #wait(operation: Operation): void {
    const fd = fcntl(operation.fd, F_DUPFD_CLOEXEC, 0)
    if (fd < 0) {
      this.#deliveries.add(operation, operation.total(fd))
      return
    }
    operation.watchFd = fd
    this.#waiting.add(operation)
    const ready = () => this.#ready(operation)
    try {
      this.#ctx.setFdHandler(fd, isInput(operation) ? { read: ready } : { write: ready })
    } catch (error) {
      this.#waiting.delete(operation)
      operation.watchFd = -1
      close(fd)
      throw error
    }
  }

  #stopWaiting(operation: Operation): void {
    this.#waiting.delete(operation)
    this.#ctx.setFdHandler(operation.watchFd, null)
    close(operation.watchFd)
    operation.watchFd = -1
  }

  #ready(operation: Operation): void {
    const { kind, watchFd } = operation
    // A connection that was under way is there, or has failed.
    const res = kind === CONNECT ? 0 - getsockopt(watchFd, SOL_SOCKET, SO_ERROR) : attempt(operation, watchFd)
    if (mustWait(operation, res)) return
    if (operation.isShort(res)) {
      this.#ready(operation)
      return
    }
    this.#stopWaiting(operation)
    // From a handler of the context: what else is known is told as well, in its order.
    this.#deliveries.add(operation, operation.total(res))
    this.#deliveries.deliver()
  }
}

function isInput({ kind }: Operation): boolean {
  return kind === READ || kind === READV || kind === RECV || kind === ACCEPT
}

function mustWait({ kind }: Operation, res: number): boolean {
  if (res === -EAGAIN) return kind !== CONNECT
  return kind === CONNECT && (res === -EINPROGRESS || res === -EALREADY)
}

function attempt(operation: Operation, fd: number): number {
  let res: number
  do {
    res = call(operation, fd)
  } while (res === -EINTR)
  return res
}

function call(operation: Operation, fd: number): number {
  const { kind, view, views, first } = operation
  switch (kind) {
    case RECV:
      return recv(fd, view!, 0, view!.byteLength, first | MSG_DONTWAIT)
    case SEND:
      return send(fd, view!, 0, view!.byteLength, first | MSG_DONTWAIT)
    case ACCEPT:
      return withoutBlocking(fd, () => accept4(fd, first))
    case CONNECT:
      return withoutBlocking(fd, () => connect(fd, view!))
    case READ:
      return withoutBlocking(fd, () => read(fd, view!))
    case WRITE:
      return withoutBlocking(fd, () => write(fd, view!))
    case READV:
      return withoutBlocking(fd, () => each(views!, (one) => read(fd, one)))
    case WRITEV:
      return withoutBlocking(fd, () => each(views!, (one) => write(fd, one)))
    case SHUTDOWN:
      return shutdown(fd, first)
    default:
      throw new Error(`operation ${kind} is not for streams`)
  }
}

/** One after the other, until one is not filled. */
function each(views: readonly ArrayBufferView[], move: (view: ArrayBufferView) => number): number {
  let moved = 0
  for (const view of views) {
    if (view.byteLength === 0) continue
    const res = move(view)
    if (res < 0) return moved > 0 ? moved : res
    moved += res
    if (res < view.byteLength) break
  }
  return moved
}

/** Calls `call` with O_NONBLOCK, and sets back what the program had. */
function withoutBlocking(fd: number, call: () => number): number {
  const flags = fcntl(fd, F_GETFL, 0)
  if (flags < 0) return flags
  if ((flags & O_NONBLOCK) !== 0) return call()
  fcntl(fd, F_SETFL, flags | O_NONBLOCK)
  try {
    return call()
  } finally {
    fcntl(fd, F_SETFL, flags)
  }
}
