import type { AsyncFeed } from '@aiokit/aio'
import { requireInteger, requireObject } from '@aiokit/errors'
import { Accepts } from './accepts.ts'
import { MAX_FD, MAX_FLAGS } from './callback-io.ts'
import { Chunks } from './chunks.ts'
import { Forms } from './forms.ts'
import type { IoOptions } from './io-promises.ts'

export interface AcceptsOptions extends IoOptions {
  /** Of accept4(2): SOCK_NONBLOCK or 0, which is the default. */
  flags?: number
}

export interface ChunksOptions extends IoOptions {
  /** The most bytes of one part, default 65,536. */
  size?: number
}

const MAX_CHUNK = 2 ** 30

/**
 * Files and sockets, run by a context: on its io_uring, or without one on worker threads and by readiness, with the same
 * results. Each operation is there in three forms:
 *
 *     const count = await io.read(fd, buffer, position, { signal })   // a promise, for contexts that Node's loop runs
 *     const count = yield* io.readCo(fd, buffer, position)            // in a coroutine
 *     io.readAio(fd, buffer, position, (res) => { ... })              // a callback
 *
 * The callback is never called from inside the method, and gets what the system call of that name returns: a count, a
 * descriptor, 0, or -errno (-EINTR and -EAGAIN are dealt with here). The method returns a request, to cancel it. The other
 * forms throw a SystemError instead of giving -errno. A buffer belongs to the operation until its end; what `allocate()`
 * gave is used as it is, any other view is copied. An AioIo belongs to the thread of its context.
 *
 * Arguments of a wrong type or out of range throw (`ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`), and so does
 * everything after `close()` (`ERR_AIO_CLOSED`); a promise is rejected with that.
 */
export class AioIo extends Forms {
  /**
   * The connections of a listening socket:
   *
   *     for await (const connection of io.accepts(listener, { signal })) serve(connection)
   *
   * Each is a descriptor, close-on-exec, and whoever gets it closes it. On a ring one request accepts them all, also in
   * advance, some 64 of them; those that nobody has taken are closed when the loop is left, when it is aborted, and with
   * the context. Without a ring each is accepted when somebody waits for it, and the socket gets O_NONBLOCK and keeps it.
   * It ends with an error when accept4(2) does; a connection that was given up by then (ECONNABORTED) is passed over.
   *
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`; the reason of a signal that is aborted already
   */
  accepts(fd: number, options: AcceptsOptions = {}): AsyncFeed<number> {
    this.requireOpen()
    const { flags = 0 } = requireObject(options, 'options')
    requireInteger(fd, 'fd', 0, MAX_FD)
    requireInteger(flags, 'options.flags', 0, MAX_FLAGS)
    return new Accepts(this.ctx, this, fd, flags, options).feed
  }

  /**
   * What can be read from a socket, a pipe or a file (from its own position), until it ends:
   *
   *     for await (const bytes of io.chunks(fd, { signal })) { ... }
   *
   * Each part has memory of its own, which is yours, and is read when somebody waits for it. The descriptor stays open.
   * When the loop is left while a part is being read, that is cancelled; what came nevertheless is lost.
   *
   * @throws `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE` unless `size` is from 1 to 2^30; the
   *   reason of a signal that is aborted already
   */
  chunks(fd: number, options: ChunksOptions = {}): AsyncFeed<Uint8Array<ArrayBuffer>> {
    this.requireOpen()
    const { size = 65_536 } = requireObject(options, 'options')
    requireInteger(fd, 'fd', 0, MAX_FD)
    requireInteger(size, 'options.size', 1, MAX_CHUNK)
    return new Chunks(this.ctx, this, fd, size, options).feed
  }

  /**
   * Without arguments, ends all of this: the threads, after what they have begun; what they have not is cancelled. With a
   * ring there is nothing to do. Closing the context does it too. May be called twice.
   *
   * @throws what a callback throws, when all have been called
   */
  override close(): void
  /** close(2). Await what else uses the descriptor first: see `closeAio`. */
  override close(fd: number, options?: IoOptions): Promise<number>
  // biome-ignore lint/suspicious/noExplicitAny: what fits both
  override close(...of: any[]): any {
    return of.length > 0 ? super.close(...(of as [fd: number])) : this[Symbol.dispose]()
  }
}
