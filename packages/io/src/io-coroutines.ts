import type { Co } from '@aiokit/coroutine'
import type { SocketAddress } from '@aiokit/sys'

/**
 * Operations for coroutines: `const count = yield* io.readCo(fd, buffer, position)`. They return what the system call of
 * that name does, and throw a SystemError (`code`, `errno`, `syscall`, and `path` if there is one).
 *
 * If the coroutine is cancelled, or a deadline passes, the operation is cancelled, and the coroutine goes on when the kernel
 * has let go of it. A descriptor that came too late is closed.
 */
export interface IoCoroutines {
  /** See `readAio`. */
  readCo(fd: number, buffer: ArrayBufferView, position: number): Co<number>
  /** See `writeAio`. */
  writeCo(fd: number, buffer: ArrayBufferView, position: number): Co<number>
  /** As `readCo`, into one view after the other. */
  readvCo(fd: number, buffers: readonly ArrayBufferView[], position: number): Co<number>
  /** As `writeCo`, of one view after the other. */
  writevCo(fd: number, buffers: readonly ArrayBufferView[], position: number): Co<number>
  /** fsync(2) */
  fsyncCo(fd: number): Co<number>
  /** fdatasync(2) */
  fdatasyncCo(fd: number): Co<number>
  /** fallocate(2) with `mode` of FALLOC_FL_... */
  fallocateCo(fd: number, mode: number, offset: number, length: number): Co<number>
  /** openat(2); `dirfd` may be `AT_FDCWD` of @aiokit/sys, which aiokit exports as `sys`. See `openatAio`. */
  openatCo(dirfd: number, path: string, flags: number, mode: number): Co<number>
  /** close(2). See `closeAio`. */
  closeCo(fd: number): Co<number>
  /** statx(2), into `out` of at least 256 bytes. */
  statxCo(dirfd: number, path: string, flags: number, mask: number, out: ArrayBufferView): Co<number>
  /** accept4(2) with `flags` SOCK_NONBLOCK or 0. See `acceptAio`. */
  acceptCo(fd: number, flags: number): Co<number>
  /** connect(2) to a host and port, or a path. See `connectAio`. */
  connectCo(fd: number, address: SocketAddress | ArrayBufferView): Co<number>
  /** Sends all of the buffer, as send(2) with MSG_NOSIGNAL and `flags`. */
  sendCo(fd: number, buffer: ArrayBufferView, flags: number): Co<number>
  /** recv(2): what there is, or with MSG_WAITALL until the buffer is full; 0 is the end of a stream. */
  recvCo(fd: number, buffer: ArrayBufferView, flags: number): Co<number>
  /** shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
  shutdownCo(fd: number, how: number): Co<number>
}
