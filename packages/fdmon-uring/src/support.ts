import { endianness } from 'node:os'
import { aioError } from '@aiokit/errors'
import { ioUringCount } from '@aiokit/sys'
import type { Ring } from './ring.ts'

/**
 * The ring that `make` makes, or why there is none.
 *
 * Requests on a ring are there for all contexts of a process or for none, so that a part of a program that was given a
 * ring can count on it in every thread: if there is a ring already, having none is an error.
 *
 * @throws `ERR_AIO_NO_IO_URING`, also if the caller can do without, when another context has a ring
 */
export function requireRing(make: () => Ring, canDoWithout: boolean): Ring | Error {
  let cause: Error
  try {
    requireMachine()
    return make()
  } catch (error) {
    cause = error as Error
  }
  const others = ioUringCount()
  if (others > 0) {
    throw aioError(
      'ERR_AIO_NO_IO_URING',
      `This context gets no io_uring (${cause.message}), but ${others} in this process ${others === 1 ? 'has' : 'have'} one: raise the limit, or choose epoll for all of them (AIOKIT_FDMON=epoll).`,
      { cause },
    )
  }
  const reason = aioError(
    'ERR_AIO_NO_IO_URING',
    `io_uring cannot be used here (${cause.message}): allow it, update to Linux 6.0 or later, or choose another monitor.`,
    { cause },
  )
  if (canDoWithout) return reason
  throw reason
}

/** The layout of what the kernel reads is written for these. */
function requireMachine(): void {
  if (endianness() === 'LE' && !['arm', 'ia32', 'mipsel'].includes(process.arch)) return
  throw aioError('ERR_AIO_PLATFORM', `a ring is for little-endian machines of 64 bits, not ${process.arch}`)
}
