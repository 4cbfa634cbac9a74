import { requireInteger } from '@aiokit/errors'
import {
  check,
  decodeAddress,
  encodeAddress,
  getsockname,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOCKADDR_MAX,
  type SocketAddress,
  socket,
} from '@aiokit/sys'
import { MAX_FLAGS } from './callback-io.ts'

/**
 * A stream socket of the kind that `address` needs, to be connected:
 *
 *     const fd = openSocket(address)
 *     await io.connect(fd, address)
 *
 * It is close-on-exec, and whoever gets it closes it. `flags` of socket(2): SOCK_NONBLOCK or 0.
 *
 * @throws as `encodeAddress()`; SystemError
 */
export function openSocket(address: SocketAddress, flags: number = 0): number {
  requireInteger(flags, 'flags', 0, MAX_FLAGS)
  return check(socketFor(encodeAddress(address), flags), 'socket')
}

/** The same of an address that is encoded. Returns a descriptor or -errno. */
export function socketFor(address: Uint8Array, flags: number): number {
  const [family] = new Uint16Array(address.buffer, address.byteOffset, 1)
  return socket(family!, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)
}

/**
 * Where the socket `fd` is: of one that listens on port 0, the port that it was given.
 *
 * @throws SystemError; `ERR_AIO_ADDRESS` if it is neither IPv4, IPv6 nor a Unix socket
 */
export function localAddress(fd: number): SocketAddress {
  const bytes = new Uint8Array(SOCKADDR_MAX)
  return decodeAddress(bytes, check(getsockname(fd, bytes), 'getsockname'))
}
