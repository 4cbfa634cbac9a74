// An import would load all that node:fs has to offer, its streams among it, whenever a program starts.
const { fstatSync, writeSync } = process.getBuiltinModule('node:fs')

/** What an eventfd is written: 1 as a 64-bit number of this machine. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

/**
 * Which file a descriptor is, as far as 32 bits tell.
 *
 * @throws Error `EBADF`: see fstat(2)
 */
export function fileOf(fd: number): number {
  const { dev, ino } = fstatSync(fd)
  return dev ^ ino
}

/** Whether the descriptor is open and still that file. */
export function isFile(fd: number, file: number): boolean {
  try {
    return fileOf(fd) === file
  } catch {
    return false
  }
}

/** Makes an eventfd readable, whichever thread it belongs to. */
export function wake(fd: number): void {
  try {
    writeSync(fd, ONE)
  } catch {
    // EAGAIN: the counter is full, so the descriptor is readable, which is all that was wanted. Anything else is the
    // fault of its owner and must not keep others from being woken.
  }
}
