import { endianness, networkInterfaces } from 'node:os'
import { aioRangeError, aioTypeError, describe, requireInteger, requireObject } from '@aiokit/errors'
import { AF_INET, AF_INET6, AF_UNIX } from './constants.ts'

/** Where a socket is: a path in the file system (or, beginning with NUL, in the abstract namespace), or host and port. */
export type SocketAddress = { path: string } | { host: string; port: number }

/** An import would load it whenever a program starts, and few have an address to encode. */
const net = () => process.getBuiltinModule('node:net')

/** Bytes enough for any address: sizeof(struct sockaddr_storage). */
export const SOCKADDR_MAX = 128

/** sizeof(((struct sockaddr_un *)0)->sun_path), unix(7). */
const PATH_MAX = 108

/** sizeof(struct sockaddr_in), ip(7). */
const IPV4_SIZE = 16

/** sizeof(struct sockaddr_in6), ipv6(7). */
const IPV6_SIZE = 28

const littleEndian = endianness() === 'LE'

/**
 * Encodes a sockaddr for bind(2) and connect(2). `host` is a numeric address: names are for Node's `dns.lookup`. A
 * link-local one says by which interface: `fe80::1%eth0`, or `fe80::1%2` with its index.
 *
 * @throws `ERR_AIO_ADDRESS` (a host that is no address, a path that is too long), or a bad port
 */
export function encodeAddress(address: SocketAddress): Uint8Array {
  requireObject(address, 'address')
  if ('path' in address) return encodeUnix(address.path)
  const { host } = address
  const port = requireInteger(address.port, 'port', 0, 65_535)
  // isIPv4() would make a string of it.
  if (typeof host === 'string' && net().isIPv4(host)) {
    const bytes = new Uint8Array(IPV4_SIZE)
    const view = family(bytes, AF_INET)
    view.setUint16(2, port)
    bytes.set(ipv4(host), 4)
    return bytes
  }
  if (typeof host === 'string' && net().isIPv6(host)) {
    const bytes = new Uint8Array(IPV6_SIZE)
    const view = family(bytes, AF_INET6)
    view.setUint16(2, port)
    const [plain = '', scope] = host.split('%')
    bytes.set(ipv6(plain), 8)
    if (scope !== undefined) view.setUint32(24, scopeId(scope), littleEndian)
    return bytes
  }
  throw aioTypeError(
    'ERR_AIO_ADDRESS',
    `"host" must be an IPv4 or IPv6 address. Received ${describe(host)}; look names up with dns.lookup() first.`,
  )
}

/**
 * Decodes what getsockname(2), getpeername(2) or accept(2) wrote. An unnamed Unix socket has the path ''.
 *
 * @param length what the call returned: bytes of `bytes` that are the address
 * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`, `ERR_AIO_ADDRESS` (another family, or not all of it)
 */
export function decodeAddress(bytes: Uint8Array, length: number): SocketAddress {
  if (!(bytes instanceof Uint8Array)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"bytes" must be a Uint8Array. Received ${describe(bytes)}.`,
    )
  }
  // A call that had not enough room says how much it would have needed.
  const size = Math.min(requireInteger(length, 'length', 0), bytes.byteLength)
  requireSize(size, 2)
  const view = new DataView(bytes.buffer, bytes.byteOffset, size)
  const kind = view.getUint16(0, littleEndian)
  if (kind === AF_UNIX) {
    const name = bytes.subarray(2, size)
    // A path ends with its NUL; an abstract name begins with one and is as long as the address says.
    const end = name[0] === 0 ? -1 : name.indexOf(0)
    return { path: Buffer.from(end < 0 ? name : name.subarray(0, end)).toString() }
  }
  if (kind === AF_INET) {
    requireSize(size, IPV4_SIZE)
    return { host: bytes.subarray(4, 8).join('.'), port: view.getUint16(2) }
  }
  if (kind === AF_INET6) {
    requireSize(size, IPV6_SIZE)
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16))
    const plain = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
    const scope = view.getUint32(24, littleEndian)
    return { host: scope === 0 ? plain : `${plain}%${scope}`, port: view.getUint16(2) }
  }
  throw aioTypeError('ERR_AIO_ADDRESS', `Address family ${kind} is neither AF_UNIX, AF_INET nor AF_INET6.`)
}

function requireSize(size: number, least: number): void {
  if (size >= least) return
  throw aioRangeError(
    'ERR_AIO_ADDRESS',
    `The address is cut off: ${size} bytes of at least ${least}. Give the call a buffer of SOCKADDR_MAX bytes.`,
  )
}

/** The interface of a link-local address, by its index or name. */
function scopeId(scope: string): number {
  if (/^\d+$/.test(scope)) return requireInteger(Number(scope), 'scope id', 0, 0xffff_ffff)
  // An interface through which link-local addresses can be reached has one itself.
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const own = addresses.find(({ family, scopeid = 0 }) => family === 'IPv6' && scopeid > 0)
    if (name === scope && own?.scopeid !== undefined) return own.scopeid
  }
  throw aioTypeError(
    'ERR_AIO_ADDRESS',
    `"host" names the interface ${describe(scope)}, which is not here or has no link-local address: see "ip address", or give its index.`,
  )
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
