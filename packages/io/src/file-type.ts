import {
  AT_EMPTY_PATH,
  AT_STATX_DONT_SYNC,
  S_IFBLK,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  STATX_MODE_OFFSET,
  STATX_TYPE,
  statx,
} from '@aiokit/sys'

const EMPTY_PATH = new Uint8Array(1)
const out = new Uint8Array(256)
const mode = new Uint16Array(out.buffer, STATX_MODE_OFFSET, 1)

/**
 * The S_IF... of what is open as `fd`, 0 for an eventfd and its like, or -errno. It asks nobody but this machine, and does
 * not wait for a position that a thread has locked, as lseek(2) does.
 */
export function fileType(fd: number): number {
  const res = statx(fd, EMPTY_PATH, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, out)
  return res < 0 ? res : mode[0]! & S_IFMT
}

/** Whether it has an end and is always ready: it is read until it ends, and blocks for as long as the disk takes. */
export function isFile(type: number): boolean {
  return type === S_IFREG || type === S_IFBLK || type === S_IFDIR
}
