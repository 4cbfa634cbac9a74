import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import * as sys from '@aiokit/sys'
import { openDescriptors, runScript } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { type ListenOptions, listen, localAddress, openSocket } from '../src/index.ts'
import { hostedBackends, inHosted } from './backends.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-io-'))
afterAll(() => rmSync(folder, { recursive: true }))

let names = 0
const newPath = () => path.join(folder, `${++names}`)
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'))

/** Every kind of place to listen, each time another one. */
const places: (() => ListenOptions)[] = [
  () => ({ host: '127.0.0.1', port: 0 }),
  () => ({ host: '0.0.0.0', port: 0 }),
  () => ({ path: newPath() }),
  () => ({ path: `\0aiokit ${process.pid} ${newPath()}`, host: undefined, port: undefined }),
  ...(hasIpv6 ? [() => ({ host: '::1', port: 0 })] : []),
]

/** The error of a call that fails, and leaves no descriptor. */
function refused(options: unknown): unknown {
  const before = openDescriptors()
  try {
    sys.close(listen(options as ListenOptions))
  } catch (error) {
    expect(openDescriptors()).toBe(before)
    return error
  }
  throw new Error('it was not refused')
}

describe.each(hostedBackends)('by $backend with $host()', (hosted) => {
  test(
    'clients of any kind connect to where it listens, by promises and in either form of the address',
    inHosted(hosted)(async (_, io) => {
      for (const place of places) {
        const listener = listen(place())
        const address = localAddress(listener)
        for (const form of [address, sys.encodeAddress(address)]) {
          const client = openSocket(address)
          const accepted = io.accept(listener, 0)
          expect(await io.connect(client, form)).toBe(0)
          const served = await accepted
          await io.send(client, Buffer.from('hello'), 0)
          const buffer = Buffer.alloc(9)
          expect(buffer.toString('latin1', 0, await io.recv(served, buffer, 0))).toBe('hello')
          expect(localAddress(served)).toEqual(
            'port' in address ? { host: expect.any(String), port: address.port } : address,
          )
          for (const fd of [client, served]) sys.close(fd)
        }
        sys.close(listener)
      }
    }),
  )

  test(
    'X3: connect() refuses what is no address',
    inHosted(hosted)(async (_, io) => {
      for (const [address, code] of [
        [1, 'ERR_AIO_INVALID_ARG_TYPE'],
        [null, 'ERR_AIO_INVALID_ARG_TYPE'],
        [{}, 'ERR_AIO_INVALID_ARG_TYPE'],
        [{ port: 1 }, 'ERR_AIO_ADDRESS'],
        [{ host: 'localhost', port: 1 }, 'ERR_AIO_ADDRESS'],
      ] as const)
        await expect(io.connect(0, address as never)).rejects.toMatchObject({ code })
    }),
  )
})

test('X5: it is close-on-exec, blocks unless asked not to, and is where it was told to be', () => {
  for (const place of places) {
    for (const flags of [0, sys.SOCK_NONBLOCK]) {
      const options = place()
      const fd = listen({ ...options, flags })
      expect(sys.fcntl(fd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
      expect(sys.fcntl(fd, sys.F_GETFL, 0) & sys.O_NONBLOCK).toBe(flags === 0 ? 0 : sys.O_NONBLOCK)
      const client = openSocket(localAddress(fd), flags)
      expect(sys.fcntl(client, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
      expect(sys.fcntl(client, sys.F_GETFL, 0) & sys.O_NONBLOCK).toBe(flags === 0 ? 0 : sys.O_NONBLOCK)
      const { path, host } = options
      expect(localAddress(fd)).toEqual(path === undefined ? { host, port: expect.any(Number) } : { path })
      if (path === undefined) expect(localAddress(fd)).not.toMatchObject({ port: 0 })
      for (const each of [fd, client]) sys.close(each)
    }
  }
})

test('as many connections wait as the backlog says, and by default more', () => {
  fc.assert(
    fc.property(fc.option(fc.nat(6), { nil: undefined }), (backlog) => {
      const options = { path: newPath(), backlog }
      const fd = listen(options as ListenOptions)
      const clients = Array.from({ length: 20 }, () => openSocket(localAddress(fd), sys.SOCK_NONBLOCK))
      const results = clients.map((client) => sys.connect(client, sys.encodeAddress(localAddress(fd))))
      // Of a Unix socket one more than that.
      expect(results.filter((res) => res === 0).length).toBe(backlog === undefined ? 20 : backlog + 1)
      for (const each of [fd, ...clients]) sys.close(each)
    }),
    { numRuns: 20 },
  )
})

test('a port is taken again at once, although connections of before linger', () => {
  for (const place of places.filter((place) => place().path === undefined)) {
    const first = listen(place())
    const address = localAddress(first)
    const client = openSocket(address)
    sys.check(sys.connect(client, sys.encodeAddress(address)), 'connect')
    // Who closes first is the one to wait.
    const served = sys.check(sys.accept4(first, sys.SOCK_CLOEXEC), 'accept4')
    for (const fd of [served, first, client]) sys.close(fd)
    sys.close(listen(address as ListenOptions))
  }
})

test('X2: what cannot be listened on says what to do, with the fields that Node’s errors have', () => {
  const busy = listen({ host: '127.0.0.1', port: 0 })
  const { port } = localAddress(busy) as { port: number }
  const file = newPath()
  writeFileSync(file, '')
  const cases: [options: ListenOptions, fields: object, message: string][] = [
    [
      { host: '127.0.0.1', port },
      { code: 'EADDRINUSE', syscall: 'bind', errno: -sys.EADDRINUSE, address: '127.0.0.1', port },
      `EADDRINUSE: address already in use, bind 127.0.0.1:${port} (another socket has it: end the program that does, or give port 0 for any that is free)`,
    ],
    [
      { path: file },
      { code: 'EADDRINUSE', syscall: 'bind', address: file },
      `EADDRINUSE: address already in use, bind ${file} (a server listens there, or has left its file behind: end it, or remove the file)`,
    ],
    [
      { path: path.join(folder, 'none', 'socket') },
      { code: 'ENOENT', syscall: 'bind' },
      `ENOENT: no such file or directory, bind ${folder}/none/socket (its folder is not there: make it first)`,
    ],
    [
      { host: '203.0.113.7', port: 0 },
      { code: 'EADDRNOTAVAIL', syscall: 'bind', address: '203.0.113.7', port: 0 },
      'EADDRNOTAVAIL: address not available, bind 203.0.113.7:0 (this machine has no such address: give one of its own, or 0.0.0.0 or :: for all of them)',
    ],
    // Of what there is no advice for, the error alone.
    [
      { path: path.join(file, 'socket') },
      { code: 'ENOTDIR' },
      `ENOTDIR: not a directory, bind ${file}/socket`,
    ],
  ]
  for (const [options, fields, message] of cases) {
    expect(refused(options)).toMatchObject({ ...fields, message })
  }
  const name = `\0aiokit ${process.pid} busy`
  const other = listen({ path: name })
  expect(refused({ path: name })).toMatchObject({
    address: name,
    message: expect.stringContaining(`bind @aiokit ${process.pid} busy (`),
  })
  for (const fd of [busy, other]) sys.close(fd)
})

test('X2: where one may not listen is said, too', () => {
  const locked = newPath()
  mkdirSync(locked, { mode: 0o555 })
  chmodSync(folder, 0o755)
  const script = `
    import { listen } from '@aiokit/io'
    if (process.getuid() === 0) process.setuid(65534)
    try { listen({ path: '${locked}/s' }) } catch ({ message }) { console.log(message) }`
  const { stdout, stderr } = runScript(script, { cwd: path.join(import.meta.dirname, '..') })
  expect([stdout, stderr]).toEqual([
    `EACCES: permission denied, bind ${locked}/s (its folder may not be written to: choose another)\n`,
    '',
  ])
})

test('X3: wrong options are refused with a code, each is read once, and nothing stays open', () => {
  const host = '127.0.0.1'
  const wrong: [options: unknown, code: string, text: string][] = [
    [undefined, 'ERR_AIO_INVALID_ARG_TYPE', '"options" must be'],
    ['127.0.0.1:80', 'ERR_AIO_INVALID_ARG_TYPE', '"options" must be'],
    [{}, 'ERR_AIO_ADDRESS', '"options" must have a "path"'],
    [{ host, port: '80' }, 'ERR_AIO_INVALID_ARG_TYPE', '"port"'],
    [{ host }, 'ERR_AIO_INVALID_ARG_TYPE', '"port"'],
    [{ host, port: 65_536 }, 'ERR_AIO_OUT_OF_RANGE', '"port"'],
    [{ host: 'localhost', port: 0 }, 'ERR_AIO_ADDRESS', 'dns.lookup()'],
    [{ port: 80 }, 'ERR_AIO_ADDRESS', '"host"'],
    [{ path: '' }, 'ERR_AIO_ADDRESS', '"path"'],
    [{ path: null }, 'ERR_AIO_ADDRESS', '"path"'],
    [{ path: newPath(), port: 80 }, 'ERR_AIO_ADDRESS', '"options" must have a "path"'],
    [{ path: newPath(), host }, 'ERR_AIO_ADDRESS', '"options" must have a "path"'],
    [{ host, port: 0, backlog: -1 }, 'ERR_AIO_OUT_OF_RANGE', '"options.backlog"'],
    [{ host, port: 0, backlog: '1' }, 'ERR_AIO_INVALID_ARG_TYPE', '"options.backlog"'],
    [{ host, port: 0, flags: 0.5 }, 'ERR_AIO_OUT_OF_RANGE', '"options.flags"'],
  ]
  for (const [options, code, text] of wrong)
    expect(refused(options)).toMatchObject({ code, message: expect.stringContaining(text) })
  const reads: string[] = []
  const options = new Proxy({ host, port: 0, backlog: 1 } as Record<string, unknown>, {
    get(target, key) {
      reads.push(String(key))
      return target[String(key)]
    },
  })
  sys.close(listen(options))
  expect(new Set(reads).size).toBe(reads.length)
  expect(() => openSocket({ host: 'x', port: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_ADDRESS' }),
  )
  expect(() => openSocket({ host, port: 1 }, -1)).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }),
  )
  expect(() => localAddress(99_999)).toThrow(
    expect.objectContaining({ code: 'EBADF', syscall: 'getsockname' }),
  )
})
