// What an operation is.

export const READ = 0
export const WRITE = 1
export const READV = 2
export const WRITEV = 3
export const FSYNC = 4
export const FDATASYNC = 5
export const FALLOCATE = 6
export const OPENAT = 7
export const CLOSE = 8
export const STATX = 9
export const ACCEPT = 10
export const CONNECT = 11
export const SEND = 12
export const RECV = 13
export const SHUTDOWN = 14

/** What errors call them. */
export const NAMES = [
  'read',
  'write',
  'readv',
  'writev',
  'fsync',
  'fdatasync',
  'fallocate',
  'openat',
  'close',
  'statx',
  'accept',
  'connect',
  'send',
  'recv',
  'shutdown',
] as const

export function isReading(kind: number): boolean {
  return kind === READ || kind === READV
}

/** Whether what it waits for is that there is something to be had, and not that there is room. */
export function isInput(kind: number): boolean {
  return isReading(kind) || kind === RECV || kind === ACCEPT
}
