import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { sys } from 'aiokit'

const STEP = 2 ** 20

/** Whether two files have the same content. Where both have a hole both are zero, and that is not read. */
export function haveSameContent(one: string, two: string): boolean {
  const fds = [openSync(one, 'r'), openSync(two, 'r')] as const
  const buffers = [Buffer.alloc(STEP), Buffer.alloc(STEP)] as const
  try {
    const size = fstatSync(fds[0]).size
    if (fstatSync(fds[1]).size !== size) return false
    const nextData = (at: number): number => {
      // -ENXIO: there is none until the end.
      const found = fds.map((fd) => sys.lseek(fd, at, sys.SEEK_DATA)).map((next) => (next < 0 ? size : next))
      return Math.min(...found)
    }
    for (let at = nextData(0); at < size; at = nextData(at + STEP)) {
      const counts = fds.map((fd, i) => readSync(fd, buffers[i]!, 0, STEP, at))
      if (counts[0] !== counts[1] || buffers[0].compare(buffers[1], 0, counts[0], 0, counts[0]) !== 0)
        return false
      if (at + STEP >= size) return true
    }
    return true
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
