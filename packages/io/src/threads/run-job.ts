import * as sys from '@aiokit/sys'
import { isLeased, opened } from '../opening.ts'
import {
  CLOSE,
  FALLOCATE,
  FDATASYNC,
  FSYNC,
  OPENAT,
  READ,
  READV,
  STATX,
  WRITE,
  WRITEV,
} from '../operation.ts'
import {
  JOB_FD,
  JOB_FIRST,
  JOB_KIND,
  JOB_LENGTH,
  JOB_OFFSET,
  JOB_POSITION,
  JOB_RESULT,
  JOB_SECOND,
} from './job-queue.ts'

/** Where the result of statx goes, behind a path of `length` bytes. */
export function statxOffset(length: number): number {
  return Math.ceil(length / 8) * 8
}

export const STATX_SIZE = 256

/** A worker's part: the system call of the job whose fields begin at `at`, on `memory`. Writes its result. */
export function runJob(jobs: Float64Array, at: number, memory: Uint8Array): void {
  let res: number
  do {
    res = call(jobs, at, memory)
    // Linux has closed the descriptor by then: the number may be another file's.
  } while (res === -sys.EINTR && jobs[at + JOB_KIND] !== CLOSE)
  jobs[at + JOB_RESULT] = res
}

function call(jobs: Float64Array, at: number, memory: Uint8Array): number {
  const fd = jobs[at + JOB_FD]!
  const offset = jobs[at + JOB_OFFSET]!
  const length = jobs[at + JOB_LENGTH]!
  const position = jobs[at + JOB_POSITION]!
  const first = jobs[at + JOB_FIRST]!
  const second = jobs[at + JOB_SECOND]!
  switch (jobs[at + JOB_KIND]!) {
    case READ:
    case READV:
      // On a directory, too, nothing is what a vector of nothing reads.
      if (length === 0) return sys.preadv2(fd, [], position, 0)
      return position < 0
        ? sys.read(fd, memory, offset, length)
        : sys.pread(fd, memory, offset, length, position)
    case WRITE:
    case WRITEV:
      return position < 0
        ? sys.write(fd, memory, offset, length)
        : sys.pwrite(fd, memory, offset, length, position)
    case FSYNC:
      return sys.fsync(fd)
    case FDATASYNC:
      return sys.fdatasync(fd)
    case FALLOCATE:
      return sys.fallocate(fd, first, position, second)
    case OPENAT: {
      const path = memory.subarray(offset, offset + length)
      const res = sys.openat(fd, path, first | sys.O_NONBLOCK, second)
      return opened(isLeased(res, first) ? sys.openat(fd, path, first, second) : res, first)
    }
    case STATX: {
      const out = offset + statxOffset(length)
      const path = memory.subarray(offset, offset + length)
      return sys.statx(fd, path, first, second, memory.subarray(out, out + STATX_SIZE))
    }
    case CLOSE:
      return sys.close(fd)
    default:
      return -sys.EINVAL
  }
}
