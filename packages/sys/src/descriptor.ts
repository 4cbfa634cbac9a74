import { type Bytes, native } from './native.ts'

// Every function here may be called from any thread, never throws, and returns -errno on failure; -EINVAL stands
// for arguments of the wrong type or range too. See check() for turning a result into an error.

/** eventfd(2). Pass `EFD_CLOEXEC | EFD_NONBLOCK` unless you know better. Returns a descriptor. */
export const eventfd: (initial: number, flags: number) => number = native.eventfd

/** Adds `value`, by default 1, to the counter of an eventfd. -EAGAIN if it is full, in which case it is readable anyway. */
export const eventfdWrite: (fd: number, value?: number) => number = native.eventfdWrite

/** Takes the counter of an eventfd. Returns its low 32 bits, which may be 0, or -EAGAIN if there was nothing to take. */
export const eventfdRead: (fd: number) => number = native.eventfdRead

/** pipe2(2). `fds` gets the end to read from and the end to write to. */
export const pipe2: (fds: Int32Array, flags: number) => number = native.pipe2

/** fcntl(2), for the commands whose argument is a number: `F_GETFD`, `F_SETFL`, `F_DUPFD_CLOEXEC`, ... */
export const fcntl: (fd: number, command: number, argument: number) => number = native.fcntl

/** close(2). Do not repeat it on -EINTR: Linux has closed the descriptor by then. */
export const close: (fd: number) => number = native.close

/**
 * From now on `fd` is closed when this thread ends, should nobody `close()` it before: a worker that is terminated has
 * no chance to. -EBADF if it is not open.
 */
export const own: (fd: number) => number = native.own

/** Undoes `own()`, in any thread: for a descriptor that was lost to other code. `close()` does it by itself, as does `prepClose()` of a ring. */
export const disown: (fd: number) => number = native.disown

/**
 * A duplicate of `fd` that this thread owns, closed on exec: fcntl(2) with `F_DUPFD_CLOEXEC`, and `own()`. In one call, for a
 * thread that may be terminated between two.
 */
export const duplicate: (fd: number) => number = native.duplicate

/** read(2) into `length` bytes at `offset` of `view` (default: all of it). Returns the count; 0 is the end. */
export const read: (fd: number, view: Bytes, offset?: number, length?: number) => number = native.read

/** write(2) of `length` bytes at `offset` of `view` (default: all of it). Returns the count, which may be short. */
export const write: (fd: number, view: Bytes, offset?: number, length?: number) => number = native.write
