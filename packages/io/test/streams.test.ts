import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as sys from '@aiokit/sys'
import { pipe, socketPair } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { listen, localAddress, openSocket } from '../src/index.ts'
import { backends, World } from './backends.ts'

const O_RDONLY = 0
const O_WRONLY = 1
const O_CREAT = 0o100
const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-io-'))
afterAll(() => rmSync(folder, { recursive: true }))

let names = 0
function fifo(): string {
  const name = path.join(folder, `fifo ${++names}`)
  expect(spawnSync('mkfifo', [name]).status).toBe(0)
  return name
}

function datagrams(flags: number): [a: number, b: number] {
  const fds = new Int32Array(2)
  sys.check(sys.socketpair(sys.AF_UNIX, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC | flags, 0, fds), 'socketpair')
  return [fds[0]!, fds[1]!]
}

function setBlocking(fd: number): void {
  sys.check(sys.fcntl(fd, sys.F_SETFL, sys.fcntl(fd, sys.F_GETFL, 0) & ~sys.O_NONBLOCK), 'fcntl')
}

const isBlocking = (fd: number) => (sys.fcntl(fd, sys.F_GETFL, 0) & sys.O_NONBLOCK) === 0
const received = (fd: number) => {
  const buffer = Buffer.alloc(100)
  const count = sys.recv(fd, buffer, 0, 100, sys.MSG_DONTWAIT)
  return count < 0 ? count : buffer.toString('latin1', 0, count)
}

/** Two ends of a FIFO, which the kernel cannot be told not to wait for, opened by `world` without O_NONBLOCK. */
function openFifo(world: World): [reader: number, writer: number] {
  const name = fifo()
  const open = (flags: number) =>
    world.result((done) => world.io.openatAio(sys.AT_FDCWD, name, flags, 0, done))
  return [open(O_RDONLY), open(O_WRONLY)]
}

describe.each(backends)('streams by %s', (backend) => {
  describe.each([
    ['that block', 0],
    ['that do not block', sys.O_NONBLOCK],
  ])('%s', (_, flags) => {
    test('a message is read whole, into several views, and written as one', () => {
      using world = new World(backend)
      const { io } = world
      const [a, b] = datagrams(flags === 0 ? 0 : sys.SOCK_NONBLOCK)
      for (const text of ['abcdef', 'XYZ']) sys.send(b, Buffer.from(text), 0, text.length, 0)
      const views = [Buffer.alloc(2), Buffer.alloc(10)]
      expect(world.result((done) => io.readvAio(a, views, -1, done))).toBe(6)
      expect([views[0]!.toString(), views[1]!.toString('latin1', 0, 4)]).toEqual(['ab', 'cdef'])
      expect(world.result((done) => io.readAio(a, new Uint8Array(0), -1, done))).toBe(0)
      expect(world.result((done) => io.readvAio(a, [new Uint8Array(0)], -1, done))).toBe(0)
      // Position 0 does not make it wait for another one.
      expect(world.result((done) => io.readAio(a, views[1]!, 0, done))).toBe(3)
      for (const parts of [[Buffer.from('ab'), Buffer.from('cd')], [new Uint8Array(0)], []])
        expect(world.result((done) => io.writevAio(a, parts, -1, done))).toBe(parts.length === 2 ? 4 : 0)
      expect([received(b), received(b), received(b), received(b)]).toEqual(['abcd', '', '', -sys.EAGAIN])
      for (const fd of [a, b]) sys.close(fd)
    })

    test('a packet of a pipe is read whole, into several views', () => {
      using world = new World(backend)
      const fds = new Int32Array(2)
      sys.check(sys.pipe2(fds, sys.O_CLOEXEC | sys.O_DIRECT | flags), 'pipe2')
      const [reader, writer] = [fds[0]!, fds[1]!]
      for (const text of ['abcde', 'FG']) sys.write(writer, Buffer.from(text))
      const views = [Buffer.alloc(2), Buffer.alloc(10)]
      expect(world.result((done) => world.io.readvAio(reader, views, -1, done))).toBe(5)
      expect(views[1]!.toString('latin1', 0, 3)).toBe('cde')
      for (const fd of fds) sys.close(fd)
    })

    test('a position is nothing to a pipe, which gives what it has, and where a socket has nothing', () => {
      using world = new World(backend)
      const { io } = world
      const [reader, writer] = pipe()
      if (flags === 0) for (const fd of [reader, writer]) setBlocking(fd)
      for (const position of [0, 5]) {
        expect(world.result((done) => io.writeAio(writer, Buffer.from('abc'), position, done))).toBe(3)
        expect(world.result((done) => io.readAio(reader, Buffer.alloc(9), position, done))).toBe(3)
        expect(world.result((done) => io.writeAio(writer, Buffer.from('abc'), position, done))).toBe(3)
        expect(world.result((done) => io.readvAio(reader, [Buffer.alloc(9)], position, done))).toBe(3)
      }
      const [a, b] = socketPair()
      if (flags === 0) for (const fd of [a, b]) setBlocking(fd)
      sys.write(b, Buffer.from('abc'))
      for (const length of [0, 3]) {
        const buffer = Buffer.alloc(length)
        expect(world.result((done) => io.readAio(a, buffer, 5, done))).toBe(-sys.ESPIPE)
        expect(world.result((done) => io.writeAio(a, buffer, 5, done))).toBe(-sys.ESPIPE)
      }
      expect(world.result((done) => io.readAio(a, Buffer.alloc(9), 0, done))).toBe(3)
      for (const fd of [reader, writer, a, b]) sys.close(fd)
    })

    test('what is written to a socket at position 0 is written whole', () => {
      using world = new World(backend)
      const { io, ctx } = world
      const [a, b] = socketPair()
      if (flags === 0) for (const fd of [a, b]) setBlocking(fd)
      const results: number[] = []
      io.writeAio(a, Buffer.alloc(1_000_000, 'x'), 0, (res) => void results.push(res))
      let count = 0
      while (count < 1_000_000) count += world.result((done) => io.readAio(b, Buffer.alloc(100_000), 0, done))
      ctx.waitWhile(() => results.length === 0)
      expect(results).toEqual([1_000_000])
      for (const fd of [a, b]) sys.close(fd)
    })

    test('MSG_WAITALL waits until the buffer is full, or the stream ends', () => {
      using world = new World(backend)
      const { io, ctx } = world
      const [a, b] = socketPair()
      if (flags === 0) for (const fd of [a, b]) setBlocking(fd)
      const results: number[] = []
      const buffer = Buffer.alloc(6)
      const begin = () => io.recvAio(a, buffer, sys.MSG_WAITALL, (res) => void results.push(res))
      begin()
      sys.write(b, Buffer.from('abc'))
      // The other direction takes as long as the first part does.
      expect(world.result((done) => io.sendAio(a, Buffer.from('x'), 0, done))).toBe(1)
      expect(ctx.poll(false)).toBe(false)
      expect(results).toEqual([])
      sys.write(b, Buffer.from('defg'))
      ctx.waitWhile(() => results.length < 1)
      expect([results, buffer.toString()]).toEqual([[6], 'abcdef'])
      begin()
      sys.shutdown(b, sys.SHUT_WR)
      ctx.waitWhile(() => results.length < 2)
      expect(results).toEqual([6, 1])
      const [c, d] = datagrams(flags === 0 ? 0 : sys.SOCK_NONBLOCK)
      sys.send(d, Buffer.from('abc'), 0, 3, 0)
      expect(world.result((done) => io.recvAio(c, buffer, sys.MSG_WAITALL, done))).toBe(3)
      for (const fd of [a, b, c, d]) sys.close(fd)
    })

    test('a second connection says that there is one', () => {
      using world = new World(backend)
      const { io } = world
      const listener = listen({ host: '127.0.0.1', port: 0 })
      const to = localAddress(listener)
      const client = openSocket(to, flags === 0 ? 0 : sys.SOCK_NONBLOCK)
      expect(world.result((done) => io.connectAio(client, to, done))).toBe(0)
      expect(world.result((done) => io.connectAio(client, to, done))).toBe(-sys.EISCONN)
      for (const fd of [listener, client]) sys.close(fd)
    })
  })

  // A ring goes by the number for the rest: what it has moved by then is the result.
  test.skipIf(backend === 'ring')('a socket that is closed while it is written to gets the rest, too', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [a, b] = socketPair()
    const results: number[] = []
    io.writeAio(a, Buffer.alloc(1_000_000), 0, (res) => void results.push(res))
    ctx.poll(false)
    sys.close(a)
    let count = 0
    while (results.length === 0) {
      count += Math.max(0, sys.recv(b, new Uint8Array(100_000), 0, 100_000, sys.MSG_DONTWAIT))
      ctx.poll(false)
    }
    expect(results).toEqual([1_000_000])
    expect(count).toBeGreaterThan(0)
    sys.close(b)
  })

  test('two that accept get one connection each, and the second waits for its own', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const address = { path: path.join(folder, `socket ${++names}`) }
    const listener = listen(address)
    const accepted: number[] = []
    for (let i = 0; i < 2; i++) io.acceptAio(listener, 0, (res) => void accepted.push(res))
    ctx.poll(false)
    const clients = [openSocket(address), openSocket(address)]
    for (const [i, client] of clients.entries()) {
      expect(sys.connect(client, sys.encodeAddress(address))).toBe(0)
      ctx.waitWhile(() => accepted.length <= i)
      expect(ctx.poll(false)).toBe(false)
      expect(accepted).toHaveLength(i + 1)
    }
    // A new connection has nothing of the listener's flags.
    for (const fd of accepted) expect(isBlocking(fd)).toBe(true)
    for (const fd of [...accepted, ...clients, listener]) sys.close(fd)
  })

  test('two that read a FIFO that blocks get what there is once, and the second waits', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [reader, writer] = openFifo(world)
    expect([isBlocking(reader), isBlocking(writer)]).toEqual([true, true])
    const results: number[] = []
    for (let i = 0; i < 2; i++) io.readAio(reader, Buffer.alloc(10), -1, (res) => void results.push(res))
    ctx.poll(false)
    for (let i = 1; i <= 2; i++) {
      sys.write(writer, Buffer.from('abc'))
      ctx.waitWhile(() => results.length < i)
      expect(ctx.poll(false)).toBe(false)
      expect(results).toEqual(new Array(i).fill(3))
    }
    expect([isBlocking(reader), isBlocking(writer)]).toEqual([true, true])
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('more than a FIFO takes at once is written whole, while the other side reads it', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [reader, writer] = openFifo(world)
    const parts = [Buffer.alloc(100_000, 'a'), Buffer.alloc(0), Buffer.alloc(200_001, 'b')]
    let written = 0
    io.writevAio(writer, parts, -1, (res) => {
      written = res
    })
    const buffer = Buffer.alloc(40_000)
    const all: Buffer[] = []
    while (Buffer.concat(all).length < 300_001) {
      const count = world.result((done) => io.readAio(reader, buffer, -1, done))
      all.push(Buffer.from(buffer.subarray(0, count)))
    }
    ctx.waitWhile(() => written === 0)
    expect(written).toBe(300_001)
    expect(Buffer.compare(Buffer.concat(all), Buffer.concat(parts))).toBe(0)
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('a FIFO is opened without waiting for the other side, and blocks afterwards unless asked not to', () => {
    using world = new World(backend)
    const { io } = world
    const name = fifo()
    const open = (flags: number) =>
      world.result((done) => io.openatAio(sys.AT_FDCWD, name, flags, 0o600, done))
    expect(open(O_WRONLY)).toBe(-sys.ENXIO)
    expect(open(O_WRONLY | O_CREAT)).toBe(-sys.ENXIO)
    const fds = [open(O_RDONLY | O_CREAT), open(O_RDONLY | sys.O_NONBLOCK), open(O_WRONLY)]
    expect(fds.map(isBlocking)).toEqual([true, false, true])
    for (const fd of fds) sys.close(fd)
  })

  test.each([
    ['waits for the first writer', 0],
    ['with O_NONBLOCK is 0 while there is no writer', sys.O_NONBLOCK],
  ])(
    'a read of a FIFO %s, otherwise it gives what there is, waits, and is 0 after the last writer',
    (_, flag) => {
      using world = new World(backend)
      const { io, ctx } = world
      const name = fifo()
      const open = (flags: number) =>
        sys.check(
          world.result((done) => io.openatAio(sys.AT_FDCWD, name, flags, 0, done)),
          'openat',
        )
      const write = (fd: number, length: number) => expect(sys.write(fd, Buffer.alloc(length))).toBe(length)
      fc.assert(
        fc.property(
          fc.array(fc.constantFrom('read', 'readv', 'open', 'close', 'write'), { maxLength: 15 }),
          (steps) => {
            const reader = open(O_RDONLY | flag)
            const writers: number[] = []
            let hasHadWriter = flag !== 0
            let bytes = 0
            let result = 0
            let isPending = false
            // What the read that is under way gives by now: had it ended before, it would be with something else.
            const settle = () => {
              if (!isPending || (bytes === 0 && (writers.length > 0 || !hasHadWriter))) return
              ctx.waitWhile(() => result < 0)
              expect(result).toBe(Math.min(bytes, 10))
              bytes -= result
              isPending = false
            }
            const done = (res: number) => {
              result = sys.check(res, 'read')
            }
            const openWriter = () => {
              writers.push(open(O_WRONLY))
              hasHadWriter = true
            }
            for (const step of steps) {
              if (step === 'open') openWriter()
              else if (step === 'close' && writers.length > 0) sys.close(writers.pop()!)
              else if (step === 'write' && writers.length > 0) {
                write(writers[0]!, 7)
                bytes += 7
              } else if (step.startsWith('read') && !isPending) {
                result = -1
                isPending = true
                if (step === 'read') io.readAio(reader, Buffer.alloc(10), -1, done)
                else io.readvAio(reader, [Buffer.alloc(3), Buffer.alloc(7)], -1, done)
              }
              settle()
            }
            if (isPending) {
              if (writers.length === 0) openWriter()
              write(writers[0]!, 5)
              bytes = 5
              settle()
            }
            for (const fd of [reader, ...writers]) sys.close(fd)
          },
        ),
        { numRuns: 60 },
      )
    },
  )

  test('X3: memory that has gone is refused with a code, and what goes later is -EFAULT', () => {
    using world = new World(backend)
    const { io, ctx } = world
    const [a, b] = socketPair()
    const gone = (view: ArrayBufferView) => {
      structuredClone(view, { transfer: [view.buffer as ArrayBuffer] })
      return view
    }
    const done = () => expect.fail('called')
    for (const view of [gone(new Uint8Array(8)), gone(new DataView(new ArrayBuffer(8)))]) {
      const calls = [
        () => io.readAio(a, view, 0, done),
        () => io.writeAio(a, view, 0, done),
        () => io.readvAio(a, [Buffer.alloc(1), view], 0, done),
        () => io.recvAio(a, view, 0, done),
        () => io.sendAio(a, view, 0, done),
        () => io.connectAio(a, view, done),
        () => io.statxAio(sys.AT_FDCWD, '/', 0, 0, view, done),
      ]
      for (const call of calls)
        expect(call).toThrow(expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }))
    }
    expect(io.pending).toBe(0)
    const results: number[] = []
    const [view, other] = [new Uint8Array(8), new Uint8Array(8)]
    io.recvAio(a, view, 0, (res) => void results.push(res))
    io.readvAio(b, [other], -1, (res) => void results.push(res))
    ctx.poll(false)
    for (const one of [view, other]) gone(one)
    sys.write(a, Buffer.from('abc'))
    sys.write(b, Buffer.from('abc'))
    ctx.waitWhile(() => results.length < 2)
    expect(results).toEqual([-sys.EFAULT, -sys.EFAULT])
    for (const fd of [a, b]) sys.close(fd)
  })
})
