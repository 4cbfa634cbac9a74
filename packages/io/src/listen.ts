import { aioTypeError, requireInteger, requireObject } from '@aiokit/errors'
import {
  bind,
  close,
  encodeAddress,
  SO_REUSEADDR,
  SOL_SOCKET,
  SOMAXCONN,
  type SocketAddress,
  SystemError,
  setsockopt,
  listen as sysListen,
} from '@aiokit/sys'
import { MAX_FLAGS } from './callback-io.ts'
import { socketFor } from './stream-socket.ts'

export interface ListenOptions {
  /**
   * An IPv4 or IPv6 address of this machine. '127.0.0.1' and '::1' are for this machine alone, '0.0.0.0' is all that it has
   * of IPv4, '::' that and IPv6 (unless net.ipv6.bindv6only says otherwise).
   */
  host?: string
  /** From 0 to 65,535; 0 is any that is free, which `localAddress(fd)` tells. */
  port?: number
  /** In the place of both: a Unix socket in the file system, or one without a file if it begins with NUL. */
  path?: string
  /** How many connections wait to be accepted before others are turned away, default and at most net.core.somaxconn. */
  backlog?: number
  /** Of socket(2): SOCK_NONBLOCK or 0, which is the default and best for `io.accepts()`. */
  flags?: number
}

/**
 * A socket that listens, for `io.accepts(fd)`:
 *
 *     const listener = listen({ host: '127.0.0.1', port: 7007 })
 *     const listener = listen({ path: '/run/app.sock' })
 *
 * It is close-on-exec, and whoever gets it closes it; the file of a path stays and is to be removed. A port can be taken
 * again at once when a server has ended (SO_REUSEADDR).
 *
 * @throws SystemError (socket(2), bind(2) or listen(2)) with `address` and `port`, whose message says what to do, of which
 *   EADDRINUSE, EADDRNOTAVAIL and EACCES are for users; `ERR_AIO_ADDRESS`, `ERR_AIO_INVALID_ARG_TYPE`,
 *   `ERR_AIO_OUT_OF_RANGE`
 */
export function listen(options: ListenOptions): number {
  const { host, port, path, backlog = SOMAXCONN, flags = 0 } = requireObject(options, 'options')
  requireInteger(backlog, 'options.backlog', 0, 0x7fff_ffff)
  requireInteger(flags, 'options.flags', 0, MAX_FLAGS)
  if ((path === undefined) === (host === undefined && port === undefined)) {
    throw aioTypeError('ERR_AIO_ADDRESS', '"options" must have a "path", or else a "host" and a "port".')
  }
  // What is missing is for encodeAddress() to say.
  const address = (path === undefined ? { host, port } : { path }) as SocketAddress
  const encoded = encodeAddress(address)
  const check = (res: number, syscall: string) => {
    if (res < 0) throw refusal(res, syscall, address)
    return res
  }
  const fd = check(socketFor(encoded, flags), 'socket')
  try {
    // Connections of an earlier server that linger in TIME_WAIT are no reason to refuse. To a Unix socket it is nothing.
    check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1), 'setsockopt')
    check(bind(fd, encoded), 'bind')
    check(sysListen(fd, backlog), 'listen')
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

// What to do, by the code of the error.
const HOST_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another socket has it: end the program that does, or give port 0 for any that is free',
  EADDRNOTAVAIL: 'this machine has no such address: give one of its own, or 0.0.0.0 or :: for all of them',
  EACCES: 'low ports are for privileged programs: give one from 1024 on',
  EAFNOSUPPORT: 'this machine has none of that kind: give an IPv4 address',
}
const PATH_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'a server listens there, or has left its file behind: end it, or remove the file',
  EACCES: 'its folder may not be written to: choose another',
  ENOENT: 'its folder is not there: make it first',
  EROFS: 'its file system is read-only: choose another folder',
}

function refusal(res: number, syscall: string, address: SocketAddress): SystemError {
  const { code } = new SystemError(res, syscall)
  const isPath = 'path' in address
  // An abstract name as ss(8) shows it.
  const name = isPath ? address.path.replace(/^\0/, '@') : `${hostOf(address.host)}:${address.port}`
  const advice = (isPath ? PATH_ADVICE : HOST_ADVICE)[code]
  const error = new SystemError(res, syscall, advice === undefined ? name : `${name} (${advice})`)
  Error.captureStackTrace(error, listen)
  const fields = isPath ? { address: address.path } : { address: address.host, port: address.port }
  return Object.assign(error, fields)
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
