import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as sys from '@aiokit/sys'
import { openDescriptors, pipe } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { backends, World } from './backends.ts'

const O_RDONLY = 0
const O_RDWR = 2
const O_CREAT = 0o100
const O_EXCL = 0o200
const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-io-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => path.join(folder, `file ${++files}`)

describe.each(backends)('files by %s', (backend) => {
  const create = ({ io, result }: { io: World['io']; result: World['result'] }, name = newPath()) => {
    const fd = result((done) => io.openatAio(sys.AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL, 0o600, done))
    expect(fd).toBeGreaterThan(0)
    return fd
  }
  const inWorld = (body: (world: World, io: World['io'], result: World['result']) => void) => () => {
    using world = new World(backend)
    body(world, world.io, world.result.bind(world))
  }

  test(
    'what is written is read, at any position, whole, in any kind of view',
    inWorld((_, io, result) => {
      const fd = create({ io, result })
      const size = 300_000
      const expected = new Uint8Array(size)
      fc.assert(
        fc.property(
          fc.nat(size - 1),
          fc.integer({ min: 1, max: 40_000 }),
          fc.nat(255),
          fc.constantFrom('pool', 'array', 'view', 'words'),
          (position, wanted, mark, kind) => {
            const length = Math.min(wanted, size - position)
            const memory =
              kind === 'pool'
                ? io.allocate(length)
                : kind === 'array'
                  ? new Uint8Array(length)
                  : kind === 'view'
                    ? new DataView(new ArrayBuffer(length + 7), 5, length)
                    : new Float64Array(Math.ceil(length / 8))
            const bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength)
            bytes.fill(mark)
            const whole = Math.min(bytes.length, size - position)
            const part = new Uint8Array(memory.buffer, memory.byteOffset, whole)
            expect(result((done) => io.writeAio(fd, part, position, done))).toBe(whole)
            expected.fill(mark, position, position + whole)
            bytes.fill(0)
            expect(result((done) => io.readAio(fd, memory, position, done))).toBeLessThanOrEqual(bytes.length)
            expect(bytes.subarray(0, whole).every((byte) => byte === mark)).toBe(true)
            if (kind === 'pool') io.free(memory)
          },
        ),
        { numRuns: 60 },
      )
      const all = new Uint8Array(size)
      const end = Number(result((done) => io.readAio(fd, all, 0, done)))
      expect(Buffer.compare(all.subarray(0, end), expected.subarray(0, end))).toBe(0)
      expect(result((done) => io.closeAio(fd, done))).toBe(0)
    }),
  )

  test(
    'a read ends where the file ends; behind it there is nothing',
    inWorld((_, io, result) => {
      const fd = create({ io, result })
      expect(result((done) => io.writeAio(fd, Buffer.from('hello'), 0, done))).toBe(5)
      const buffer = new Uint8Array(100)
      expect(result((done) => io.readAio(fd, buffer, 1, done))).toBe(4)
      expect(Buffer.from(buffer.subarray(0, 5)).toString()).toBe('ello\0')
      expect(result((done) => io.readAio(fd, buffer, 5, done))).toBe(0)
      expect(result((done) => io.readAio(fd, buffer, 2 ** 40, done))).toBe(0)
      expect(result((done) => io.readAio(fd, new Uint8Array(0), 0, done))).toBe(0)
      sys.close(fd)
    }),
  )

  test(
    'position -1 is the file’s own',
    inWorld((_, io, result) => {
      const fd = create({ io, result })
      for (const text of ['one', 'two'])
        expect(result((done) => io.writeAio(fd, Buffer.from(text), -1, done))).toBe(3)
      sys.lseek(fd, 0, sys.SEEK_SET)
      const buffer = Buffer.alloc(4)
      const reads = Array.from({ length: 3 }, () => {
        const count = result((done) => io.readAio(fd, buffer, -1, done))
        return buffer.toString('latin1', 0, count)
      })
      expect(reads).toEqual(['onet', 'wo', ''])
      sys.close(fd)
    }),
  )

  test(
    'vectors are written and read one after the other, in and out of the pool',
    inWorld((_, io, result) => {
      const fd = create({ io, result })
      const own = io.allocate(3)
      own.set(Buffer.from('def'))
      const parts = [Buffer.from('abc'), own, new Uint8Array(0), Buffer.from('ghij')]
      expect(result((done) => io.writevAio(fd, parts, 2, done))).toBe(10)
      const [first, last] = [Buffer.alloc(6), Buffer.alloc(9)]
      own.fill(0)
      expect(result((done) => io.readvAio(fd, [first, own, last], 0, done))).toBe(12)
      expect([first.toString(), Buffer.from(own).toString(), last.toString()]).toEqual([
        '\0\0abcd',
        'efg',
        'hij\0\0\0\0\0\0',
      ])
      expect(result((done) => io.readvAio(fd, [], 0, done))).toBe(0)
      sys.close(fd)
    }),
  )

  test(
    'a directory is not read, also not into nothing',
    inWorld((_, io, result) => {
      const fd = result((done) => io.openatAio(sys.AT_FDCWD, folder, O_RDONLY, 0, done))
      for (const position of [0, -1]) {
        expect(result((done) => io.readAio(fd, Buffer.alloc(10), position, done))).toBe(-21)
        expect(result((done) => io.readAio(fd, new Uint8Array(0), position, done))).toBe(0)
        expect(result((done) => io.writeAio(fd, new Uint8Array(0), position, done))).toBe(-sys.EBADF)
      }
      sys.close(fd)
    }),
  )

  // With a ring it is closed at once, and what is read by then is the result.
  test.skipIf(backend === 'ring')(
    'a descriptor is closed behind what uses it, also in several parts',
    inWorld(({ ctx }, io, result) => {
      const results: string[] = []
      // The kernel gives it in parts of a page.
      const fd = result((done) => io.openatAio(sys.AT_FDCWD, '/proc/self/smaps', O_RDONLY, 0, done))
      for (let i = 0; i < 300; i++)
        io.readAio(fd, Buffer.alloc(i === 0 ? 40_000 : 1), 0, (res) => void results.push(`read ${res}`))
      const cancelled = io.closeAio(fd, (res) => void results.push(`closed ${res}`))
      io.closeAio(fd, (res) => void results.push(`closed ${res}`))
      cancelled.cancel()
      ctx.waitWhile(() => io.pending > 0)
      expect(results).toContain('read 40000')
      expect(results.filter((one) => one === 'read 1')).toHaveLength(299)
      expect(results.filter((one) => one.startsWith('closed'))).toEqual([
        `closed ${-sys.ECANCELED}`,
        'closed 0',
      ])
    }),
  )

  test.skipIf(backend === 'ring')('X4: closed with a descriptor still to be closed, it answers', () => {
    const world = new World(backend, 1)
    const results: number[] = []
    const fd = sys.check(sys.openat(sys.AT_FDCWD, Buffer.from('/proc/self/smaps\0'), O_RDONLY, 0), 'openat')
    for (let i = 0; i < 300; i++) world.io.readAio(fd, Buffer.alloc(20_000), 0, () => {})
    world.io.closeAio(fd, (res) => void results.push(res))
    world.io.close()
    world.ctx.close()
    expect(results).toEqual([-sys.ECANCELED])
    sys.close(fd)
  })

  test(
    'fsync, fdatasync, fallocate and statx do what they are called',
    inWorld((_, io, result) => {
      const name = newPath()
      const fd = create({ io, result }, name)
      expect(result((done) => io.fallocateAio(fd, 0, 0, 123_456, done))).toBe(0)
      expect(result((done) => io.fsyncAio(fd, done))).toBe(0)
      expect(result((done) => io.fdatasyncAio(fd, done))).toBe(0)
      expect(statSync(name).size).toBe(123_456)
      const out = Buffer.alloc(300)
      expect(result((done) => io.statxAio(sys.AT_FDCWD, name, 0, 0x7ff, out, done))).toBe(0)
      // stx_size
      expect(Number(out.readBigUInt64LE(40))).toBe(123_456)
      expect(sys.fcntl(fd, sys.F_GETFD, 0), 'close-on-exec').toBe(sys.FD_CLOEXEC)
      sys.close(fd)
    }),
  )

  test(
    'X2: what the kernel refuses is the same -errno, whoever asks',
    inWorld((_, io, result) => {
      const loop = path.join(folder, `loop ${++files}`)
      symlinkSync(loop, loop)
      const closed = 99_999
      const [reader, writer] = pipe()
      const buffer = Buffer.alloc(10)
      const results = {
        'no such file': result((done) => io.openatAio(sys.AT_FDCWD, '/no/such', O_RDONLY, 0, done)),
        'too many links': result((done) => io.openatAio(sys.AT_FDCWD, loop, O_RDONLY, 0, done)),
        'a name that is too long': result((done) =>
          io.openatAio(sys.AT_FDCWD, 'x'.repeat(5000), O_RDONLY, 0, done),
        ),
        'a bad descriptor': result((done) => io.readAio(closed, buffer, 0, done)),
        'a bad descriptor, closed': result((done) => io.closeAio(closed, done)),
        'a bad descriptor, flushed': result((done) => io.fsyncAio(closed, done)),
        'read from the writing end': result((done) => io.readAio(writer, buffer, -1, done)),
        'write to the reading end': result((done) => io.writeAio(reader, buffer, -1, done)),
        'a pipe on the disk': result((done) => io.fsyncAio(reader, done)),
        'space for a pipe': result((done) => io.fallocateAio(writer, 0, 0, 10, done)),
        'not a directory': result((done) => io.openatAio(sys.AT_FDCWD, '/dev/null/x', O_RDONLY, 0, done)),
        'no room for the file': result((done) =>
          io.statxAio(sys.AT_FDCWD, '/no/such', 0, 0x7ff, Buffer.alloc(256), done),
        ),
      }
      expect(results).toEqual({
        'no such file': -sys.ENOENT,
        'too many links': -sys.ELOOP,
        'a name that is too long': -36,
        'a bad descriptor': -sys.EBADF,
        'a bad descriptor, closed': -sys.EBADF,
        'a bad descriptor, flushed': -sys.EBADF,
        'read from the writing end': -sys.EBADF,
        'write to the reading end': -sys.EBADF,
        'a pipe on the disk': -sys.EINVAL,
        'space for a pipe': -sys.ESPIPE,
        'not a directory': -20,
        'no room for the file': -sys.ENOENT,
      })
      for (const fd of [reader, writer]) sys.close(fd)
    }),
  )

  test(
    'a thousand at once are each answered once, and rightly',
    inWorld(({ ctx }, io, result) => {
      const fd = create({ io, result })
      const buffers = Array.from({ length: 1000 }, (_, i) => Buffer.alloc(512, i % 256))
      const answers = new Map<string, number>()
      const answer = (name: string) => (res: number) => {
        expect(res).toBe(512)
        answers.set(name, (answers.get(name) ?? 0) + 1)
      }
      for (const [i, buffer] of buffers.entries()) io.writeAio(fd, buffer, 512 * i, answer(`write ${i}`))
      ctx.waitWhile(() => answers.size < 1000)
      for (const buffer of buffers) buffer.fill(0)
      for (const [i, buffer] of buffers.entries()) io.readAio(fd, buffer, 512 * i, answer(`read ${i}`))
      ctx.waitWhile(() => answers.size < 2000)
      expect([...answers.values()].every((count) => count === 1)).toBe(true)
      expect(buffers.every((buffer, i) => buffer.every((byte) => byte === i % 256))).toBe(true)
      sys.close(fd)
    }),
  )

  test(
    'U2, W5: a callback waits for another operation',
    inWorld(({ ctx }, io, result) => {
      const fd = create({ io, result })
      const begun: number[] = []
      const ended: number[] = []
      for (let i = 0; i < 5; i++) {
        io.writeAio(fd, Buffer.from('x'), i, () => {
          begun.push(i)
          if (begun.length === 1) ctx.waitWhile(() => ended.length < 4)
          ended.push(i)
        })
      }
      ctx.waitWhile(() => ended.length < 5)
      expect([...begun].sort()).toEqual([0, 1, 2, 3, 4])
      expect(ended).toEqual([...begun.slice(1), begun[0]])
      sys.close(fd)
    }),
  )

  test(
    'X1: a callback that throws leaves the others to the next poll, each once',
    inWorld(({ ctx }, io, result) => {
      const fd = create({ io, result })
      const seen: number[] = []
      for (let i = 0; i < 5; i++) {
        io.writeAio(fd, Buffer.from('x'), i, () => {
          seen.push(i)
          if (seen.length === 2) throw new Error('second')
        })
      }
      const poll = () => ctx.waitWhile(() => seen.length < 5)
      expect(poll).toThrow('second')
      poll()
      expect([...seen].sort()).toEqual([0, 1, 2, 3, 4])
      sys.close(fd)
    }),
  )

  test('X4, X6: closed with operations on their way, each is answered, and no descriptor is left', async () => {
    const round = () => {
      const world = new World(backend, 2)
      const [reader, writer] = pipe()
      const results: number[] = []
      const file = sys.check(sys.openat(sys.AT_FDCWD, Buffer.from('/proc/self/exe\0'), O_RDONLY, 0), 'openat')
      for (let i = 0; i < 400; i++)
        world.io.readAio(file, Buffer.alloc(4096), 0, (res) => void results.push(res))
      for (let i = 0; i < 20; i++)
        world.io.readAio(reader, Buffer.alloc(10), -1, (res) => void results.push(res))
      world.ctx.poll(false)
      world.io.close()
      world.ctx.close()
      expect(results).toHaveLength(420)
      expect(results.every((res) => res === 4096 || res === -sys.ECANCELED)).toBe(true)
      for (const fd of [reader, writer, file]) sys.close(fd)
    }
    const before = openDescriptors()
    for (let i = 0; i < 5; i++) round()
    // Threads end when they have done what they do; their own loops' descriptors go with them.
    await vi.waitFor(() => expect(openDescriptors()).toBeLessThanOrEqual(before), 10_000)
  })

  test(
    'U5: cancelled before it began, it never happens; cancelled twice or too late, nothing does',
    inWorld(({ ctx }, io) => {
      const [reader, writer] = pipe()
      const results: number[] = []
      const requests = Array.from({ length: 3 }, () =>
        io.readAio(reader, Buffer.alloc(4), -1, (res) => void results.push(res)),
      )
      requests[1]!.cancel()
      requests[1]!.cancel()
      expect(results).toEqual([])
      ctx.waitWhile(() => results.length < 1)
      expect([results, requests.map(({ pending }) => pending)]).toEqual([
        [-sys.ECANCELED],
        [true, false, true],
      ])
      sys.write(writer, Buffer.from('abcdefgh'))
      ctx.waitWhile(() => results.length < 3)
      expect(results).toEqual([-sys.ECANCELED, 4, 4])
      for (const request of requests) request.cancel()
      expect(ctx.poll(false)).toBe(false)
      for (const fd of [reader, writer]) sys.close(fd)
    }),
  )

  test(
    'X3: wrong arguments are refused with a code, and nothing is begun',
    inWorld(({ ctx }, io) => {
      const done = () => expect.fail('called')
      const buffer = Buffer.alloc(8)
      const calls: (() => unknown)[] = [
        () => io.readAio(-1, buffer, 0, done),
        () => io.readAio(0.5, buffer, 0, done),
        () => io.readAio(0, 'text' as never, 0, done),
        () => io.readAio(0, new ArrayBuffer(8) as never, 0, done),
        () => io.readAio(0, buffer, -2, done),
        () => io.readAio(0, buffer, 2 ** 60, done),
        () => io.readAio(0, buffer, 0, null as never),
        () => io.readvAio(0, buffer as never, 0, done),
        () => io.readvAio(0, [buffer, 1 as never], 0, done),
        () => io.writevAio(0, new Array(2000).fill(buffer), 0, done),
        () => io.readvAio(0, Object.assign([1 as never], { map: () => [buffer] }), 0, done),
        () => io.openatAio(sys.AT_FDCWD, 5 as never, 0, 0, done),
        () => io.openatAio(sys.AT_FDCWD, 'a\0b', 0, 0, done),
        () => io.openatAio(-7, 'a', 0, 0, done),
        () => io.statxAio(sys.AT_FDCWD, 'a', 0, 0, Buffer.alloc(100), done),
        () => io.fallocateAio(0, 0, -1, 0, done),
        () => io.shutdownAio(0, 7, done),
        () => io.sendAio(0, buffer, Number.NaN, done),
        () => io.free(buffer),
      ]
      for (const call of calls)
        expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_AIO_/) }))
      expect(ctx.poll(false)).toBe(false)
      io.close()
      expect(() => io.fsyncAio(0, done)).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
    }),
  )
})

test.each(backends)('X3: %s goes by what a view shows, and not by what it says it does', (backend) => {
  using world = new World(backend)
  const { io } = world
  const fd = sys.check(sys.openat(sys.AT_FDCWD, Buffer.from('/dev/zero\0'), O_RDONLY, 0), 'openat')
  const [neighbour, liar, other] = [io.allocate(4096), io.allocate(4096), io.allocate(4096)]
  for (const buffer of [neighbour, liar, other]) buffer.fill(7)
  const lies = { byteOffset: neighbour.byteOffset, byteLength: 3 * 4096 }
  for (const [name, value] of Object.entries(lies)) Object.defineProperty(liar, name, { value })
  expect(world.result((done) => io.readAio(fd, liar, -1, done))).toBe(4096)
  expect([liar, neighbour, other].map((buffer) => buffer.every((byte) => byte === 7))).toEqual([
    false,
    true,
    true,
  ])
  for (const buffer of [neighbour, other]) io.free(buffer)
  sys.close(fd)
})
