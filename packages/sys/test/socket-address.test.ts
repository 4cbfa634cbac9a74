import { isIPv6, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as sys from '../src/index.ts'

const decoded = (address: sys.SocketAddress) => {
  const bytes = sys.encodeAddress(address)
  return sys.decodeAddress(bytes, bytes.length)
}

test('an address decodes to what was encoded', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  fc.assert(
    fc.property(fc.ipV4(), port, (host, port) => {
      expect(decoded({ host, port })).toEqual({ host, port })
    }),
  )
  fc.assert(
    fc.property(fc.ipV6().filter(isIPv6), port, (host, port) => {
      // Node's own parser says what the canonical form is.
      const canonical = (text: string) => new SocketAddress({ family: 'ipv6', address: text }).address
      const result = decoded({ host, port }) as { host: string; port: number }
      expect(canonical(result.host)).toBe(canonical(host))
      expect(result.port).toBe(port)
    }),
  )
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }), (path) => {
      fc.pre(!path.slice(1).includes('\0') && path !== '\0')
      expect(decoded({ path })).toEqual({ path })
    }),
  )
})

test('X2: an address that cannot be is refused with a sentence', () => {
  const refused = (address: unknown, text: string) =>
    expect(() => sys.encodeAddress(address as sys.SocketAddress)).toThrow(text)
  refused({ host: 'localhost', port: 1 }, 'look names up with dns.lookup() first')
  refused({ host: '1.2.3', port: 1 }, '"host" must be an IPv4 or IPv6 address')
  for (const host of [undefined, null, {}, Object.create(null), Symbol('s'), ['127.0.0.1']])
    refused({ host, port: 1 }, '"host" must be an IPv4 or IPv6 address')
  for (const address of [undefined, null, '127.0.0.1', () => {}])
    refused(address, '"address" must be an object')
  refused({ path: undefined }, '"path" must be a string')
  refused({ host: '127.0.0.1', port: 65_536 }, '"port" must be an integer from 0 to 65535')
  refused({ path: '' }, '"path" must be a string that is not empty')
  refused({ path: 'x'.repeat(108) }, 'use a shorter folder')
  refused({ path: 'a\0b' }, 'NUL')
  expect(() => sys.decodeAddress(new Uint8Array([99, 0]), 2)).toThrow('Address family 99')
})

test('X3: what is no whole address is refused', () => {
  const refused = (bytes: unknown, length: unknown, code: string, text: string) =>
    expect(() => sys.decodeAddress(bytes as Uint8Array, length as number)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    )
  const of = (family: number, size: number) => {
    const bytes = new Uint8Array(size)
    new Uint16Array(bytes.buffer, 0, 1)[0] = family
    return bytes
  }
  refused(of(sys.AF_INET, 2), 2, 'ERR_AIO_ADDRESS', '2 bytes of at least 16')
  refused(of(sys.AF_INET, 128), 15, 'ERR_AIO_ADDRESS', '15 bytes of at least 16')
  refused(of(sys.AF_INET6, 2), 28, 'ERR_AIO_ADDRESS', '2 bytes of at least 28')
  refused(of(sys.AF_INET6, 128), 27, 'ERR_AIO_ADDRESS', '27 bytes of at least 28')
  refused(new Uint8Array(1), 1, 'ERR_AIO_ADDRESS', '1 bytes of at least 2')
  refused(new Uint8Array(128), 0, 'ERR_AIO_ADDRESS', '0 bytes of at least 2')
  // A result that nobody has checked.
  refused(new Uint8Array(128), -sys.EBADF, 'ERR_AIO_OUT_OF_RANGE', '"length" must be')
  refused(new Uint8Array(128), '16', 'ERR_AIO_INVALID_ARG_TYPE', '"length" must be')
  for (const bytes of [null, [2, 0], new Int32Array(32), new ArrayBuffer(128)])
    refused(bytes, 16, 'ERR_AIO_INVALID_ARG_TYPE', '"bytes" must be a Uint8Array')
  expect(sys.decodeAddress(of(sys.AF_UNIX, 2), 2), 'unnamed, and whole').toEqual({ path: '' })
  expect(sys.decodeAddress(sys.encodeAddress({ path: '/a' }), 128)).toEqual({ path: '/a' })
})

test('X2: a link-local address keeps its interface, which has an index or a name', () => {
  expect(decoded({ host: 'fe80::1%7', port: 1 })).toEqual({ host: 'fe80::1%7', port: 1 })
  expect(decoded({ host: 'fe80::1%4294967295', port: 1 })).toEqual({ host: 'fe80::1%4294967295', port: 1 })
  expect(decoded({ host: 'fe80::1%0', port: 1 })).toEqual({ host: 'fe80::1', port: 1 })
  for (const host of ['fe80::1%no-such-interface', 'fe80::1%1e3', 'fe80::1%toString']) {
    expect(() => sys.encodeAddress({ host, port: 1 })).toThrow(
      expect.objectContaining({
        code: 'ERR_AIO_ADDRESS',
        message: expect.stringContaining('give its index'),
      }),
    )
  }
  expect(() => sys.encodeAddress({ host: 'fe80::1%4294967296', port: 1 })).toThrow('"scope id"')
  // Those that this machine has, if any: the kernel refuses to bind one without the right interface.
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const own of addresses!) {
      if (own.family !== 'IPv6' || own.scopeid === 0) continue
      const fd = sys.check(sys.socket(sys.AF_INET6, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
      sys.check(sys.bind(fd, sys.encodeAddress({ host: `${own.address}%${name}`, port: 0 })), 'bind')
      const bytes = new Uint8Array(sys.SOCKADDR_MAX)
      const bound = sys.decodeAddress(bytes, sys.check(sys.getsockname(fd, bytes), 'getsockname'))
      expect(bound).toMatchObject({ host: `${own.address}%${own.scopeid}` })
      sys.close(fd)
    }
  }
})

test('the kernel reads an encoded address as meant', () => {
  for (const host of ['127.0.0.1', '::1']) {
    const listener = sys.socket(
      host === '::1' ? sys.AF_INET6 : sys.AF_INET,
      sys.SOCK_STREAM | sys.SOCK_CLOEXEC,
      0,
    )
    const bound = sys.bind(listener, sys.encodeAddress({ host, port: 0 }))
    if (bound < 0 && host === '::1') continue // a machine without IPv6
    sys.check(bound, 'bind')
    sys.check(sys.listen(listener, 5), 'listen')
    const bytes = new Uint8Array(sys.SOCKADDR_MAX)
    const address = sys.decodeAddress(bytes, sys.check(sys.getsockname(listener, bytes), 'getsockname'))
    expect(address).toEqual({ host, port: expect.any(Number) })
    const client = sys.socket(
      host === '::1' ? sys.AF_INET6 : sys.AF_INET,
      sys.SOCK_STREAM | sys.SOCK_CLOEXEC,
      0,
    )
    sys.check(sys.connect(client, sys.encodeAddress(address)), 'connect')
    const server = sys.check(sys.accept4(listener, sys.SOCK_CLOEXEC), 'accept4')
    expect(sys.fcntl(server, sys.F_GETFD, 0), 'X5').toBe(sys.FD_CLOEXEC)
    expect(sys.decodeAddress(bytes, sys.getpeername(client, bytes))).toEqual(address)
    expect(sys.send(client, new Uint8Array([1, 2, 3]), 1, 2, 0)).toBe(2)
    const received = new Uint8Array(8)
    expect(sys.recv(server, received, 4, 4, 0)).toBe(2)
    expect([...received]).toEqual([0, 0, 0, 0, 2, 3, 0, 0])
    for (const fd of [listener, client, server]) sys.close(fd)
  }
})
