import type { AioContext } from '@aiokit/aio'
import { bufferPool, lengthOf, requireView } from '@aiokit/buffer-pool'
import {
  aioError,
  aioRangeError,
  aioTypeError,
  describe,
  requireFunction,
  requireInteger,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { AT_FDCWD, encodeAddress, O_CLOEXEC, SOCK_CLOEXEC, type SocketAddress } from '@aiokit/sys'
import * as op from './opcodes.ts'
import { type IoBackend, type IoDone, type IoRequest, Operation, Pending, Waiter } from './operation.ts'
import { RingBackend } from './ring-backend.ts'
import { ThreadBackend } from './threads/thread-backend.ts'

export interface AioIoOptions {
  /** How: 'auto' (default) is the context's ring if it has one, else threads. */
  aio?: 'auto' | 'io_uring' | 'threads'
  /** Worker threads for files when there is no ring, from 1 to 64; default 4. They are started as they are needed. */
  threads?: number
}

const STATX_SIZE = 256
const IOV_MAX = 1024
export const MAX_FD = 0x7fff_ffff
export const MAX_FLAGS = 0x7fff_ffff

/**
 * Files and sockets as operations that end in a callback, run by the context: on its io_uring, or without one on worker
 * threads and by readiness, with the same results. The other forms of an operation are made of this one: see forms.ts.
 */
export class CallbackIo implements Disposable {
  /** How operations are carried out. */
  readonly aio: 'io_uring' | 'threads'
  /** Whose polls, or whose host, run it. */
  readonly ctx: AioContext
  readonly #backend: IoBackend
  readonly #pending: Pending
  readonly #forgetContext: () => void
  #closed = false

  /** @throws `ERR_AIO_NO_IO_URING` if `aio` is 'io_uring' and the context has none; `ERR_AIO_INVALID_ARG_TYPE`, ... */
  constructor(ctx: AioContext, options: AioIoOptions = {}) {
    if (typeof ctx?.addSqe !== 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"ctx" must be an AioContext. Received ${describe(ctx)}.`,
      )
    }
    const { aio = 'auto', threads = 4 } = requireObject(options, 'options')
    requireInteger(threads, 'options.threads', 1, 64)
    if (aio !== 'auto' && aio !== 'io_uring' && aio !== 'threads') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"options.aio" must be 'auto', 'io_uring' or 'threads'. Received ${describe(aio)}.`,
      )
    }
    this.aio = aio === 'auto' ? (ctx.hasIoUring ? 'io_uring' : 'threads') : aio
    if (this.aio === 'io_uring' && !ctx.hasIoUring) {
      throw aioError(
        'ERR_AIO_NO_IO_URING',
        `Context "${ctx.name}" has no io_uring, its monitor is ${ctx.fdmonName}: choose aio 'auto' or 'threads'.`,
      )
    }
    this.ctx = ctx
    this.#pending = new Pending(ctx)
    this.#forgetContext = ctx.onClose(() => this[Symbol.dispose]())
    this.#backend = this.aio === 'io_uring' ? new RingBackend(ctx) : new ThreadBackend(ctx, threads)
  }

  /** Operations that were begun and whose callbacks have not been called. */
  get pending(): number {
    return this.#pending.count
  }

  /** `size` bytes of zeros, aligned to a page if there are that many, which operations use without copying. */
  allocate(size: number): Uint8Array<SharedArrayBuffer> {
    return bufferPool.allocate(size)
  }

  /** Gives back what `allocate()` gave, also while an operation uses it. @throws `ERR_AIO_NOT_ALLOCATED` */
  free(buffer: ArrayBufferView): void {
    bufferPool.free(buffer)
  }

  /**
   * Reads from `position` of a file until the buffer is full or the file ends; with position -1, or from what is no file,
   * what there is, as read(2). Of a socket only 0 and -1 can be read (-ESPIPE); others without positions ignore it.
   */
  readAio(fd: number, buffer: ArrayBufferView, position: number, done: IoDone): IoRequest {
    return this.#transfer(op.READ, fd, buffer, position, done)
  }

  /** Writes all of the buffer at `position` of a file, or with position -1 at its own. */
  writeAio(fd: number, buffer: ArrayBufferView, position: number, done: IoDone): IoRequest {
    return this.#transfer(op.WRITE, fd, buffer, position, done)
  }

  /** As `readAio`, into one view after the other. */
  readvAio(fd: number, buffers: readonly ArrayBufferView[], position: number, done: IoDone): IoRequest {
    return this.#vector(op.READV, fd, buffers, position, done)
  }

  /** As `writeAio`, of one view after the other. */
  writevAio(fd: number, buffers: readonly ArrayBufferView[], position: number, done: IoDone): IoRequest {
    return this.#vector(op.WRITEV, fd, buffers, position, done)
  }

  /** fsync(2) */
  fsyncAio(fd: number, done: IoDone): IoRequest {
    return this.#start(this.#operation(op.FSYNC, fd, done))
  }

  /** fdatasync(2) */
  fdatasyncAio(fd: number, done: IoDone): IoRequest {
    return this.#start(this.#operation(op.FDATASYNC, fd, done))
  }

  /** fallocate(2) with `mode` of FALLOC_FL_... */
  fallocateAio(fd: number, mode: number, offset: number, length: number, done: IoDone): IoRequest {
    const operation = this.#operation(op.FALLOCATE, fd, done)
    operation.first = requireInteger(mode, 'mode', 0, MAX_FLAGS)
    operation.position = requireInteger(offset, 'offset', 0)
    operation.second = requireInteger(length, 'length', 0)
    return this.#start(operation)
  }

  /**
   * openat(2); `dirfd` may be `AT_FDCWD` of @aiokit/sys, which aiokit exports as `sys`. The descriptor is close-on-exec.
   *
   * A FIFO or a serial line is not waited for, as with O_NONBLOCK, which the descriptor has only if it is among `flags`.
   * So a FIFO is opened for reading at once, and its first reader waits for the first writer: 0 is the end of those that
   * have been there. With O_NONBLOCK among `flags` that is 0 as well, as fifo(7) has it. For writing it is -ENXIO if nobody
   * has it open for reading.
   */
  openatAio(dirfd: number, path: string, flags: number, mode: number, done: IoDone): IoRequest {
    const operation = this.#pathOperation(op.OPENAT, dirfd, path, done)
    operation.first = requireInteger(flags, 'flags', 0, MAX_FLAGS) | O_CLOEXEC
    operation.second = requireInteger(mode, 'mode', 0, 0o7777)
    return this.#start(operation)
  }

  /**
   * close(2). Wait for the callbacks of what else uses the descriptor, unless you have cancelled it: what a ring moves in
   * several parts ends between them. (Workers close it when they have done what came before.)
   */
  closeAio(fd: number, done: IoDone): IoRequest {
    return this.#start(this.#operation(op.CLOSE, fd, done))
  }

  /** statx(2), into `out` of at least 256 bytes. */
  statxAio(
    dirfd: number,
    path: string,
    flags: number,
    mask: number,
    out: ArrayBufferView,
    done: IoDone,
  ): IoRequest {
    const operation = this.#pathOperation(op.STATX, dirfd, path, done)
    operation.first = requireInteger(flags, 'flags', 0, MAX_FLAGS)
    operation.second = requireInteger(mask, 'mask', 0, MAX_FLAGS)
    operation.view = requireView(out, 'out')
    if (lengthOf(out) < STATX_SIZE) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"out" must have at least ${STATX_SIZE} bytes. Received ${lengthOf(out)}.`,
      )
    }
    return this.#start(operation)
  }

  /**
   * accept4(2) with `flags` SOCK_NONBLOCK or 0. The descriptor is close-on-exec. Without a ring the listening socket gets
   * O_NONBLOCK and keeps it.
   */
  acceptAio(fd: number, flags: number, done: IoDone): IoRequest {
    const operation = this.#operation(op.ACCEPT, fd, done)
    operation.first = requireInteger(flags, 'flags', 0, MAX_FLAGS) | SOCK_CLOEXEC
    return this.#start(operation)
  }

  /**
   * connect(2) to a host (an address, no name) and port, to a path, or to what `encodeAddress()` made of one. `openSocket()`
   * makes a socket for it. Without a ring a Unix socket whose listener has no room for another connection is not waited
   * for: -EAGAIN, as with O_NONBLOCK.
   */
  connectAio(fd: number, address: SocketAddress | ArrayBufferView, done: IoDone): IoRequest {
    const operation = this.#operation(op.CONNECT, fd, done)
    operation.view = ArrayBuffer.isView(address) ? requireView(address, 'address') : encodeAddress(address)
    return this.#start(operation)
  }

  /** Sends all of the buffer, as send(2) with MSG_NOSIGNAL and `flags`. */
  sendAio(fd: number, buffer: ArrayBufferView, flags: number, done: IoDone): IoRequest {
    return this.#message(op.SEND, fd, buffer, flags, done)
  }

  /** recv(2): what there is, or with MSG_WAITALL until the buffer is full; 0 is the end of a stream. */
  recvAio(fd: number, buffer: ArrayBufferView, flags: number, done: IoDone): IoRequest {
    return this.#message(op.RECV, fd, buffer, flags, done)
  }

  /** shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdownAio(fd: number, how: number, done: IoDone): IoRequest {
    const operation = this.#operation(op.SHUTDOWN, fd, done)
    operation.first = requireInteger(how, 'how', 0, 2)
    return this.#start(operation)
  }

  /** See `AioIo.close()`. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#forgetContext()
    this.#backend.close()
  }

  /** @internal @throws `ERR_AIO_CLOSED` */
  requireOpen(): void {
    if (this.#closed) throw aioError('ERR_AIO_CLOSED', 'This AioIo is closed: make a new AioContext.')
  }

  #operation(kind: number, fd: number, done: IoDone): Operation {
    if (this.#closed) this.requireOpen()
    requireInteger(fd, 'fd', 0, MAX_FD)
    return new Operation(this.#backend, this.#pending, kind, fd, requireDone(done))
  }

  #pathOperation(kind: number, dirfd: number, path: string, done: IoDone): Operation {
    if (this.#closed) this.requireOpen()
    if (dirfd !== AT_FDCWD) requireInteger(dirfd, 'dirfd', 0, MAX_FD)
    if (requireString(path, 'path').includes('\0'))
      throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', '"path" must not contain a NUL byte.')
    const operation = new Operation(this.#backend, this.#pending, kind, dirfd, requireDone(done))
    operation.path = path
    return operation
  }

  #transfer(kind: number, fd: number, buffer: ArrayBufferView, position: number, done: IoDone): IoRequest {
    const operation = this.#operation(kind, fd, done)
    operation.view = requireView(buffer, 'buffer')
    operation.position = requireInteger(position, 'position', -1)
    return this.#start(operation)
  }

  #vector(
    kind: number,
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: number,
    done: IoDone,
  ): IoRequest {
    const operation = this.#operation(kind, fd, done)
    if (!Array.isArray(buffers) || buffers.length > IOV_MAX) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"buffers" must be an array of at most ${IOV_MAX} views. Received ${describe(buffers)}.`,
      )
    }
    const views: ArrayBufferView[] = []
    for (let i = 0; i < buffers.length; i++) views.push(requireView(buffers[i]!, `buffers[${i}]`))
    operation.views = views
    operation.position = requireInteger(position, 'position', -1)
    return this.#start(operation)
  }

  #message(kind: number, fd: number, buffer: ArrayBufferView, flags: number, done: IoDone): IoRequest {
    const operation = this.#operation(kind, fd, done)
    operation.view = requireView(buffer, 'buffer')
    operation.first = requireInteger(flags, 'flags', 0, MAX_FLAGS)
    return this.#start(operation)
  }

  #start(operation: Operation): IoRequest {
    operation.pin()
    this.#pending.begin()
    try {
      this.#backend.start(operation)
    } catch (error) {
      this.#pending.end()
      operation.unpin()
      throw error
    }
    return operation
  }
}

function requireDone(done: IoDone): IoDone | Waiter {
  return typeof done === 'function' || Waiter.is(done) ? done : requireFunction(done, 'done')
}
