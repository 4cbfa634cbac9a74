import { isIPv4, isIPv6 } from 'node:net'
import { endianness } from 'node:os'
import { aioRangeError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import { AF_INET, AF_INET6, AF_UNIX } from './constants.ts'

/** Where a socket is: a path in the file system (or, beginning with NUL, in the abstract namespace), or host and port. */
export type SocketAddress = { path: string } | { host: string; port: number }

/** Bytes enough for any address: sizeof(struct sockaddr_storage). */
export const SOCKADDR_MAX = 128

/** sizeof(((struct sockaddr_un *)0)->sun_path), unix(7). */
const PATH_MAX = 108

const littleEndian = endianness() === 'LE'

/**
 * Encodes a sockaddr for bind(2) and connect(2). `host` is a numeric address: names are for Node's `dns.lookup`.
 *
 * @throws `ERR_AIO_ADDRESS` (a host that is no address, a path that is too long), or a bad port
 */
export function encodeAddress(address: SocketAddress): Uint8Array {
  if ('path' in address) return encodeUnix(address.path)
  const port = requireInteger(address.port, 'port', 0, 65_535)
  if (isIPv4(address.host)) {
    const bytes = new Uint8Array(16)
    const view = family(bytes, AF_INET)
    view.setUint16(2, port)
    bytes.set(ipv4(address.host), 4)
    return bytes
  }
  if (isIPv6(address.host)) {
    const bytes = new Uint8Array(28)
    const view = family(bytes, AF_INET6)
    view.setUint16(2, port)
    const [plain = '', scope] = address.host.split('%')
    bytes.set(ipv6(plain), 8)
    if (scope !== undefined)
      view.setUint32(24, requireInteger(Number(scope), 'scope id', 0, 0xffff_ffff), littleEndian)
    return bytes
  }
  throw aioTypeError(
    'ERR_AIO_ADDRESS',
    `"host" must be an IPv4 or IPv6 address. Received ${describe(address.host)}; look names up with dns.lookup() first.`,
  )
}

/**
 * Decodes what getsockname(2), getpeername(2) or accept(2) wrote. An unnamed Unix socket has the path ''.
 *
 * @param length what the call returned: bytes of `bytes` that are the address
 */
export function decodeAddress(bytes: Uint8Array, length: number): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(length, bytes.byteLength))
  const kind = view.byteLength >= 2 ? view.getUint16(0, littleEndian) : -1
  if (kind === AF_UNIX) {
    const name = bytes.subarray(2, view.byteLength)
    // A path ends with its NUL; an abstract name begins with one and is as long as the address says.
    const end = name[0] === 0 ? -1 : name.indexOf(0)
    return { path: Buffer.from(end < 0 ? name : name.subarray(0, end)).toString() }
  }
  if (kind === AF_INET) return { host: bytes.subarray(4, 8).join('.'), port: view.getUint16(2) }
  if (kind === AF_INET6) {
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16))
    return { host: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port: view.getUint16(2) }
  }
  throw aioTypeError('ERR_AIO_ADDRESS', `Address family ${kind} is neither AF_UNIX, AF_INET nor AF_INET6.`)
}

function family(bytes: Uint8Array, value: number): DataView {
  const view = new DataView(bytes.buffer)
  view.setUint16(0, value, littleEndian)
  return view
}

function encodeUnix(path: string): Uint8Array {
  if (typeof path !== 'string' || path === '') {
    throw aioTypeError(
      'ERR_AIO_ADDRESS',
      `"path" must be a string that is not empty. Received ${describe(path)}.`,
    )
  }
  const name = Buffer.from(path)
  const abstract = name[0] === 0
  if (!abstract && name.includes(0))
    throw aioTypeError('ERR_AIO_ADDRESS', '"path" must not contain a NUL byte.')
  if (name.length + (abstract ? 0 : 1) > PATH_MAX) {
    throw aioRangeError(
      'ERR_AIO_ADDRESS',
      `"path" is ${name.length} bytes long and a Unix socket takes at most ${PATH_MAX - 1}: use a shorter folder.`,
    )
  }
  const bytes = new Uint8Array(2 + name.length + (abstract ? 0 : 1))
  family(bytes, AF_UNIX)
  bytes.set(name, 2)
  return bytes
}

function ipv4(host: string): number[] {
  return host.split('.').map(Number)
}

function ipv6(host: string): Uint8Array {
  const bytes = new Uint8Array(16)
  // A dotted tail (::ffff:127.0.0.1) is two groups.
  const dotted = host.match(/^(.*:)(\d+\.\d+\.\d+\.\d+)$/)
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4(dotted[2] as string)
    host = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [head = '', tail] = host.split('::')
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const first = groups(head)
  const last = tail === undefined ? [] : groups(tail)
  const view = new DataView(bytes.buffer)
  first.forEach((group, i) => {
    view.setUint16(2 * i, group)
  })
  last.forEach((group, i) => {
    view.setUint16(2 * (8 - last.length + i), group)
  })
  return bytes
}
