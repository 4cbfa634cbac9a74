import type { SocketAddress } from '@aiokit/sys'

export interface IoOptions {
  /**
   * Ends the operation early: it is cancelled, and when the kernel has let go of it the promise is rejected with the
   * signal's reason, an AbortError unless another was given. If it was too late, or a part was moved by then, the promise
   * is fulfilled with that. What a worker thread has begun runs to its end.
   */
  signal?: AbortSignal
}

/**
 * Operations as promises. They are fulfilled with what the system call of that name returns, a count, a descriptor or 0, and
 * rejected with a SystemError (`code`, `errno`, `syscall`, and `path` if there is one). Wrong arguments reject as well.
 *
 * They settle while Node's loop runs the context: `ctx.attach()` or `ctx.run()`. An attached process lives until then.
 */
export interface IoPromises {
  /**
   * Reads from `position` of a file until the buffer is full or the file ends; with position -1, or from what is no file,
   * what there is, as read(2). Of a socket only 0 and -1 can be read (ESPIPE); others without positions ignore it.
   */
  read(fd: number, buffer: ArrayBufferView, position: number, options?: IoOptions): Promise<number>
  /** Writes all of the buffer at `position` of a file, or with position -1 at its own. */
  write(fd: number, buffer: ArrayBufferView, position: number, options?: IoOptions): Promise<number>
  /** As `read`, into one view after the other. */
  readv(
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: number,
    options?: IoOptions,
  ): Promise<number>
  /** As `write`, of one view after the other. */
  writev(
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: number,
    options?: IoOptions,
  ): Promise<number>
  /** fsync(2) */
  fsync(fd: number, options?: IoOptions): Promise<number>
  /** fdatasync(2) */
  fdatasync(fd: number, options?: IoOptions): Promise<number>
  /** fallocate(2) with `mode` of FALLOC_FL_... */
  fallocate(fd: number, mode: number, offset: number, length: number, options?: IoOptions): Promise<number>
  /**
   * openat(2); `dirfd` may be `AT_FDCWD` of @aiokit/sys, which aiokit exports as `sys`. The descriptor is close-on-exec. A
   * FIFO is not waited for: see `openatAio`.
   */
  openat(dirfd: number, path: string, flags: number, mode: number, options?: IoOptions): Promise<number>
  /** close(2). Await what else uses the descriptor first: see `closeAio`. */
  close(fd: number, options?: IoOptions): Promise<number>
  /** statx(2), into `out` of at least 256 bytes. */
  statx(
    dirfd: number,
    path: string,
    flags: number,
    mask: number,
    out: ArrayBufferView,
    options?: IoOptions,
  ): Promise<number>
  /**
   * accept4(2) with `flags` SOCK_NONBLOCK or 0. The descriptor is close-on-exec. Without a ring the listening socket gets
   * O_NONBLOCK and keeps it. For one connection after the other: `accepts`.
   */
  accept(fd: number, flags: number, options?: IoOptions): Promise<number>
  /**
   * connect(2) to a host (an address, no name) and port, to a path, or to what `encodeAddress()` made of one. `openSocket()`
   * makes a socket for it. To a Unix socket without room: see `connectAio`.
   */
  connect(fd: number, address: SocketAddress | ArrayBufferView, options?: IoOptions): Promise<number>
  /** Sends all of the buffer, as send(2) with MSG_NOSIGNAL and `flags`. */
  send(fd: number, buffer: ArrayBufferView, flags: number, options?: IoOptions): Promise<number>
  /** recv(2): what there is, or with MSG_WAITALL until the buffer is full; 0 is the end of a stream. See also `chunks`. */
  recv(fd: number, buffer: ArrayBufferView, flags: number, options?: IoOptions): Promise<number>
  /** shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdown(fd: number, how: number, options?: IoOptions): Promise<number>
}
