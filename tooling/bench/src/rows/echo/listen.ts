import { listen, localAddress, sys } from 'aiokit'

/** Waiting connections of a listening socket: more than there will be. */
export const BACKLOG = 1024

/** As the C server has. */
export const BUFFER = 4096

/** A socket that listens on a free port of 127.0.0.1. */
export function listenLocally(): { fd: number; port: number } {
  const fd = listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG, flags: sys.SOCK_NONBLOCK })
  const address = localAddress(fd)
  if (!('port' in address)) throw new Error('the socket has no port')
  return { fd, port: address.port }
}
