import { Forms } from './forms.ts'
import type { IoOptions } from './io-promises.ts'

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
