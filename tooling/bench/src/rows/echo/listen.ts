import { sys } from 'aiokit'

/** Waiting connections of a listening socket: more than there will be. */
export const BACKLOG = 1024

/** As the C server has. */
export const BUFFER = 4096

/** A socket that listens on a free port of 127.0.0.1. */
export function listenLocally(): { fd: number; port: number } {
  const fd = sys.check(
    sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0),
    'socket',
  )
  sys.check(sys.bind(fd, sys.encodeAddress({ host: '127.0.0.1', port: 0 })), 'bind')
  sys.check(sys.listen(fd, BACKLOG), 'listen')
  const bytes = new Uint8Array(sys.SOCKADDR_MAX)
  const address = sys.decodeAddress(bytes, sys.check(sys.getsockname(fd, bytes), 'getsockname'))
  if (!('port' in address)) throw new Error('the socket has no port')
  return { fd, port: address.port }
}
