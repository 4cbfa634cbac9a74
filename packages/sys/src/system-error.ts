import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { requireInteger, requireString } from '@aiokit/errors'

/**
 * An error of the kernel, with the same fields and the same message as Node's own: `code` ('EBADF'), `errno`
 * (negative), `syscall` ('epoll_ctl'), message 'EBADF: bad file descriptor, epoll_ctl' (rule X2).
 */
export class SystemError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string

  /**
   * @param errno the negative number that a function of this package returned
   * @param detail appended to the message, where the number alone does not tell which file it was
   * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
   */
  constructor(errno: number, syscall: string, detail: string = '') {
    requireInteger(errno, 'errno', undefined, -1)
    requireString(syscall, 'syscall')
    requireString(detail, 'detail')
    const [code, text] = getSystemErrorMap().get(errno) ?? [nameOf(errno), 'unknown error']
    super(`${code}: ${text}, ${syscall}${detail && ` ${detail}`}`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
  }
}

/** The numbers that libuv has no text for (EBADFD, ENODATA, ...) still have a name. */
function nameOf(errno: number): string {
  const entry = Object.entries(constants.errno).find(([, value]) => value === -errno)
  return entry ? entry[0] : `E${-errno}`
}

/**
 * Returns `result` unless it is -errno.
 *
 * @throws SystemError naming `syscall`; `ERR_AIO_INVALID_ARG_TYPE`
 */
export function check(result: number, syscall: string, detail?: string): number {
  if (typeof result !== 'number' || result < 0) {
    const error = new SystemError(result, syscall, detail)
    Error.captureStackTrace(error, check)
    throw error
  }
  return result
}
