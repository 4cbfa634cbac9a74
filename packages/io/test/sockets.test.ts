import * as sys from '@aiokit/sys'
import { pipe, socketPair } from '@aiokit/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listen, localAddress } from '../src/index.ts'
import { backends, World } from './backends.ts'

const { AF_INET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } = sys
const tcp = (flags: number) => sys.check(sys.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), 'socket')

function listener(flags: number): { fd: number; address: Uint8Array } {
  const fd = listen({ host: '127.0.0.1', port: 0, flags })
  return { fd, address: sys.encodeAddress(localAddress(fd)) }
}

describe.each(backends)('sockets by %s', (backend) => {
  describe.each([
    ['that block', 0],
    ['that do not block', SOCK_NONBLOCK],
  ])('%s', (_, flags) => {
    test('a connection is made, accepted, used in both directions and shut down', () => {
      using world = new World(backend)
      const { io, ctx } = world
      const { fd, address } = listener(flags)
      let server = 0
      io.acceptAio(fd, flags, (res) => {
        server = res
      })
      const client = tcp(flags)
      expect(world.result((done) => io.connectAio(client, address, done))).toBe(0)
      ctx.waitWhile(() => server === 0)
      expect(server).toBeGreaterThan(0)
      expect(sys.fcntl(server, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
      const buffer = Buffer.alloc(100)
      const received = (fd: number) => {
        const count = world.result((done) => io.recvAio(fd, buffer, 0, done))
        return count < 0 ? count : buffer.toString('latin1', 0, count)
      }
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        expect(world.result((done) => io.sendAio(from, Buffer.from('hello'), 0, done))).toBe(5)
        expect(received(to)).toBe('hello')
      }
      expect(world.result((done) => io.shutdownAio(client, sys.SHUT_WR, done))).toBe(0)
      expect(received(server)).toBe('')
      expect(world.result((done) => io.sendAio(client, Buffer.from('x'), 0, done))).toBe(-sys.EPIPE)
      // What the program set is as it was.
      expect(sys.fcntl(client, sys.F_GETFL, 0) & sys.O_NONBLOCK).toBe(flags)
      for (const one of [fd, client, server]) sys.close(one)
    })

    test('a connection that is refused says so', () => {
      using world = new World(backend)
      const { fd, address } = listener(flags)
      sys.close(fd)
      const client = tcp(flags)
      expect(world.result((done) => world.io.connectAio(client, address, done))).toBe(-sys.ECONNREFUSED)
      sys.close(client)
    })
  })

  test('more than a socket takes at once is sent whole, while the other side reads it', () => {
    using world = new World(backend)
    const [a, b] = socketPair()
    const sent = Buffer.alloc(3_000_000)
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i)
    let result = 0
    world.io.sendAio(a, sent, 0, (res) => {
      result = res
    })
    const parts: Buffer[] = []
    let received = 0
    while (received < sent.length) {
      const part = Buffer.alloc(50_000)
      const count = world.result((done) => world.io.recvAio(b, part, 0, done))
      parts.push(part.subarray(0, count))
      received += count
    }
    world.ctx.waitWhile(() => result === 0)
    expect(result).toBe(sent.length)
    expect(Buffer.compare(Buffer.concat(parts), sent)).toBe(0)
    for (const fd of [a, b]) sys.close(fd)
  })

  test('X4: a buffer that is freed while it is used is given to nobody else before the end', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [a, b] = socketPair()
    const buffer = io.allocate(4096)
    let count = 0
    io.recvAio(a, buffer, 0, (res) => {
      count = res
    })
    ctx.poll(false)
    io.free(buffer)
    const others = Array.from({ length: 300 }, () => io.allocate(4096))
    sys.write(b, Buffer.from('for the first'))
    ctx.waitWhile(() => count === 0)
    expect(count).toBe(13)
    expect(others.every((other) => other[0] === 0)).toBe(true)
    // Now it is, and only once.
    const later = io.allocate(4096)
    expect(
      others.some((other) => other.byteOffset === later.byteOffset && other.buffer === later.buffer),
    ).toBe(false)
    for (const one of [...others, later]) io.free(one)
    for (const fd of [a, b]) sys.close(fd)
  })

  test('reads of a pipe get what there is, in the order in which it came, at its end nothing', () => {
    using world = new World(backend)
    const { io } = world
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 20, unit: 'binary-ascii' }), { maxLength: 10 }),
        (texts) => {
          const [reader, writer] = pipe()
          for (const text of texts)
            expect(world.result((done) => io.writeAio(writer, Buffer.from(text), -1, done))).toBe(text.length)
          sys.close(writer)
          const buffer = Buffer.alloc(7)
          let all = ''
          for (;;) {
            const count = world.result((done) => io.readAio(reader, buffer, -1, done))
            expect(count).toBeGreaterThanOrEqual(0)
            if (count === 0) break
            all += buffer.toString('latin1', 0, count)
          }
          expect(all).toBe(texts.join(''))
          sys.close(reader)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('a position does not matter where there is none', () => {
    using world = new World(backend)
    const [reader, writer] = pipe()
    const { io } = world
    expect(
      world.result((done) => io.writevAio(writer, [Buffer.from('ab'), Buffer.from('cd')], 5, done)),
    ).toBe(4)
    const parts = [Buffer.alloc(1), Buffer.alloc(3)]
    expect(world.result((done) => io.readvAio(reader, parts, -1, done))).toBe(4)
    expect(Buffer.concat(parts).toString()).toBe('abcd')
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('the program watches a descriptor and has an operation wait for it at the same time', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [a, b] = socketPair()
    let watched = 0
    ctx.setFdHandler(a, { read: () => void watched++ })
    let count = 0
    io.recvAio(a, Buffer.alloc(10), 0, (res) => {
      count = res
    })
    ctx.poll(false)
    expect([watched, count]).toEqual([0, 0])
    sys.write(b, Buffer.from('abc'))
    ctx.waitWhile(() => count === 0)
    expect(count).toBe(3)
    ctx.setFdHandler(a, null)
    for (const fd of [a, b]) sys.close(fd)
  })
})
