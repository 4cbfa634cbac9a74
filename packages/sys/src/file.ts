import { type Bytes, native } from './native.ts'

// Synchronous: each blocks the calling thread for as long as the disk takes. All return -errno on failure.

/** pread(2): `length` bytes from `position` of the file to `offset` of `view`. Returns the count; 0 is the end. */
export const pread: (fd: number, view: Bytes, offset: number, length: number, position: number) => number =
  native.pread

/** pwrite(2): `length` bytes at `offset` of `view` to `position` of the file. Returns the count, which may be short. */
export const pwrite: (fd: number, view: Bytes, offset: number, length: number, position: number) => number =
  native.pwrite

/**
 * preadv2(2) into up to 1024 views, one after the other. `position` -1 is the file's own, or for what has none. With
 * `RWF_NOWAIT` it never blocks; -EAGAIN if it would, -EOPNOTSUPP where the kernel cannot tell.
 */
export const preadv2: (fd: number, views: readonly Bytes[], position: number, flags: number) => number =
  native.preadv2

/** pwritev2(2) of up to 1024 views, one after the other; the rest as `preadv2`. */
export const pwritev2: (fd: number, views: readonly Bytes[], position: number, flags: number) => number =
  native.pwritev2

/**
 * preadv2(2) into one piece of memory, whose address and length are two doubles at byte `offset` of `view`; at the file's
 * own position if `position` is -1. `flags` of `RWF_...`.
 *
 * It is for a thread that works on the memory of another one. Whoever writes the address answers for it, and for that the
 * memory stays until the call returns.
 */
export const preadPiece: (
  fd: number,
  view: Bytes,
  offset: number,
  position: number,
  flags: number,
) => number = native.preadPiece

/** pwritev2(2) from one piece of memory, as `preadPiece`. */
export const pwritePiece: (
  fd: number,
  view: Bytes,
  offset: number,
  position: number,
  flags: number,
) => number = native.pwritePiece

/** fsync(2): data and metadata are on the disk when it returns 0. */
export const fsync: (fd: number) => number = native.fsync

/** fdatasync(2): data, and the metadata needed to read it back, are on the disk when it returns 0. */
export const fdatasync: (fd: number) => number = native.fdatasync

/** fallocate(2) with `mode` of `FALLOC_FL_...`. */
export const fallocate: (fd: number, mode: number, offset: number, length: number) => number =
  native.fallocate

/** lseek(2), also with `SEEK_DATA` and `SEEK_HOLE`. Returns the new offset. */
export const lseek: (fd: number, offset: number, whence: number) => number = native.lseek

/** openat(2). `path` ends with a NUL byte; `dirfd` may be `AT_FDCWD`. Add `O_CLOEXEC`. Returns a descriptor. */
export const openat: (dirfd: number, path: Bytes, flags: number, mode: number) => number = native.openat

/** statx(2), into `out` of at least 256 bytes. `path` ends with a NUL byte. */
export const statx: (dirfd: number, path: Bytes, flags: number, mask: number, out: Bytes) => number =
  native.statx
