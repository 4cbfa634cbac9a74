import { requireInteger } from '@aiokit/errors'
import type { Entry } from './entry.ts'

/** In the place of a descriptor, for operations that have none. */
export const NO_FD = -1

/** An operation that has no more operands than the words that the caller fills in after it. */
export function prepFd(entry: Entry, opcode: number, fd: number): void {
  requireFd(fd)
  entry.claim()
  entry.write(opcode, fd)
}

/** @throws as `requireInteger` */
export function requireFd(fd: number): void {
  if (typeof fd !== 'number' || (fd | 0) !== fd || fd < 0) requireInteger(fd, 'fd', 0, 0x7fff_ffff)
}
