import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Coroutine, coAwait, coSleep, coTimeout } from '@aiokit/coroutine'
import * as sys from '@aiokit/sys'
import { openSockets, pipe, socketPair } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest'
import { AioIo, type IoCoroutines, type IoPromises, openSocket } from '../src/index.ts'
import { hostedBackends, inHosted, listener, World } from './backends.ts'

const O_RDWR = 2
const O_CREAT = 0o100
const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-io-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => path.join(folder, `file ${++files}`)

type Callbacks = Extract<keyof AioIo, `${string}Aio`>
type Plain<Name> = Name extends `${infer Start}Aio` ? Start : never

test('each operation has all three forms, and no other method is one', () => {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(Object.getPrototypeOf(AioIo.prototype)))
    .filter((name) => name.endsWith('Aio'))
    .map((name) => name.slice(0, -3))
  expect(names.length).toBe(15)
  for (const name of names)
    for (const form of [name, `${name}Co`]) expect(AioIo.prototype).toHaveProperty(form, expect.any(Function))
  expectTypeOf<keyof IoPromises>().toEqualTypeOf<Plain<Callbacks>>()
  expectTypeOf<keyof IoCoroutines>().toEqualTypeOf<`${Plain<Callbacks>}Co`>()
})

describe.each(hostedBackends)('by $backend with $host()', ({ backend, host }) => {
  const inWorld = inHosted({ backend, host })

  test(
    'a file by promises',
    inWorld(async (_, io) => {
      const name = newPath()
      const fd = await io.openat(sys.AT_FDCWD, name, O_RDWR | O_CREAT, 0o600)
      expect(await io.write(fd, Buffer.from('hello world'), 0)).toBe(11)
      expect(await io.writev(fd, [Buffer.from('HE'), Buffer.from('LLO')], 0)).toBe(5)
      expect(await io.fallocate(fd, 0, 0, 5000)).toBe(0)
      expect(await io.fsync(fd)).toBe(0)
      expect(await io.fdatasync(fd)).toBe(0)
      const [a, b] = [Buffer.alloc(5), Buffer.alloc(6)]
      expect(await io.readv(fd, [a, b], 0)).toBe(11)
      expect(`${a}${b}`).toBe('HELLO world')
      expect(await io.read(fd, a, 6)).toBe(5)
      expect(`${a}`).toBe('world')
      const out = new BigUint64Array(32)
      expect(await io.statx(sys.AT_FDCWD, name, 0, 0x7ff, out)).toBe(0)
      expect(out[5]).toBe(5000n)
      expect(await io.close(fd)).toBe(0)
    }),
  )

  test(
    'a file and sockets by coroutines',
    inWorld(async (world, io) => {
      const name = newPath()
      using server = listener(path.join(folder, `socket ${++files}`))
      const co = new Coroutine(function* () {
        const fd = yield* io.openatCo(sys.AT_FDCWD, name, O_RDWR | O_CREAT, 0o600)
        const counts = [
          yield* io.writeCo(fd, Buffer.from('abcdef'), 0),
          yield* io.writevCo(fd, [Buffer.from('XY')], 2),
        ]
        yield* io.fsyncCo(fd)
        yield* io.fdatasyncCo(fd)
        yield* io.fallocateCo(fd, 0, 0, 10)
        const bytes = Buffer.alloc(6)
        counts.push(yield* io.readCo(fd, bytes, 0), yield* io.readvCo(fd, [Buffer.alloc(3)], 8))
        yield* io.statxCo(sys.AT_FDCWD, name, 0, 0x7ff, new Uint8Array(256))
        yield* io.closeCo(fd)
        const client = openSocket({ path: '/' })
        yield* io.connectCo(client, server.address)
        const served = yield* io.acceptCo(server.fd, 0)
        counts.push(yield* io.sendCo(client, Buffer.from('hi'), 0))
        yield* io.shutdownCo(client, 1)
        const got = Buffer.alloc(4)
        counts.push(yield* io.recvCo(served, got, 0), yield* io.recvCo(served, got, 0))
        for (const each of [client, served]) sys.close(each)
        return [counts, `${bytes}`, got.toString('latin1', 0, 2)]
      })
      co.enter(world.ctx)
      expect(await co.promise).toEqual([[6, 2, 6, 2, 2, 2, 0], 'abXYef', 'hi'])
    }),
  )

  test(
    'X2: an error names the operation, and the path if there is one',
    inWorld(async (_, io) => {
      const missing = path.join(folder, 'missing')
      await expect(io.openat(sys.AT_FDCWD, missing, 0, 0)).rejects.toMatchObject({
        code: 'ENOENT',
        errno: -sys.ENOENT,
        syscall: 'openat',
        path: missing,
        message: `ENOENT: no such file or directory, openat '${missing}'`,
      })
      await expect(io.fsync(99_999)).rejects.toMatchObject({
        code: 'EBADF',
        syscall: 'fsync',
        message: 'EBADF: bad file descriptor, fsync',
      })
      await expect(io.connect(0, new Uint8Array(1))).rejects.toMatchObject({ syscall: 'connect' })
    }),
  )

  test(
    'X3: wrong arguments reject, also a callback in the place of options',
    inWorld(async (_, io) => {
      const code = 'ERR_AIO_INVALID_ARG_TYPE'
      await expect(io.read('1' as never, new Uint8Array(1), 0)).rejects.toMatchObject({ code })
      await expect(io.fsync(1, (() => {}) as never)).rejects.toMatchObject({ code })
      await expect(io.fsync(1, { signal: {} as never })).rejects.toMatchObject({ code })
      await expect(io.close(undefined as never)).rejects.toMatchObject({ code })
      await expect(io.read(1, new Uint8Array(1), -2)).rejects.toMatchObject({
        code: 'ERR_AIO_OUT_OF_RANGE',
      })
      expect(() => io.readCo(0, new Uint8Array(1), 0).next()).toThrow(
        expect.objectContaining({ code: 'ERR_AIO_NO_COROUTINE' }),
      )
    }),
  )

  test(
    'U5: a signal ends what waits, with its reason, and what comes later is not taken',
    inWorld(async (_, io) => {
      const [a, b] = socketPair()
      const buffer = io.allocate(10)
      for (const reason of [undefined, new Error('mine'), null]) {
        const controller = new AbortController()
        const { signal } = controller
        const received = io.recv(a, buffer, 0, { signal })
        const read = io.read(a, Buffer.alloc(10), -1, { signal })
        controller.abort(reason)
        const error = reason === null ? expect.anything() : signal.reason
        const ends = await Promise.allSettled([received, read])
        expect(ends.map((end) => end.status === 'rejected' && end.reason)).toEqual([error, error])
        await expect(io.recv(a, buffer, 0, { signal })).rejects.toEqual(error)
      }
      sys.write(b, Buffer.from('late'))
      const live = new AbortController().signal
      expect(await io.recv(a, buffer, 0, { signal: live })).toBe(4)
      for (const fd of [a, b]) sys.close(fd)
    }),
  )

  test(
    'U5: a signal that comes too late changes nothing',
    inWorld(async (_, io) => {
      const [a, b] = socketPair()
      const controller = new AbortController()
      sys.write(b, Buffer.from('here'))
      const buffer = Buffer.alloc(10)
      const received = io.recv(a, buffer, 0, { signal: controller.signal })
      expect(await received).toBe(4)
      controller.abort()
      await expect(received).resolves.toBe(4)
      for (const fd of [a, b]) sys.close(fd)
    }),
  )

  test(
    'C3: a coroutine that is cancelled goes on when its operation has ended',
    inWorld(async ({ ctx }, io) => {
      const [a, b] = socketPair()
      const steps: unknown[] = []
      const buffer = io.allocate(10)
      const co = new Coroutine(function* () {
        try {
          yield* io.recvCo(a, buffer, 0)
        } finally {
          steps.push(io.pending)
          yield* coSleep(ctx, 1)
          steps.push('slept')
        }
      })
      co.enter(ctx)
      co.cancel()
      expect([steps, io.pending, co.done]).toEqual([[], 1, false])
      await expect(co.promise).rejects.toMatchObject({ code: 'ERR_AIO_CANCELED' })
      expect(steps).toEqual([0, 'slept'])
      const late = new Coroutine(() => coTimeout(ctx, 1e5, io.readCo(a, Buffer.alloc(1), -1)))
      late.enter(ctx)
      await expect(late.promise).rejects.toMatchObject({ code: 'ERR_AIO_TIMEOUT' })
      const controller = new AbortController()
      const signalled = new Coroutine(() => io.recvCo(a, buffer, 0), { signal: controller.signal })
      signalled.enter(ctx)
      controller.abort()
      await expect(signalled.promise).rejects.toBe(controller.signal.reason)
      sys.write(b, Buffer.from('x'))
      const again = new Coroutine(function* () {
        const count = yield* io.recvCo(a, buffer, 0)
        return count + (yield* coAwait(io.close(a)))
      })
      again.enter(ctx)
      expect(await again.promise).toBe(1)
      sys.close(b)
    }),
  )

  test(
    'X6: a descriptor that comes after all is not lost',
    inWorld(async ({ ctx }, io) => {
      using server = listener(path.join(folder, `socket ${++files}`))
      await io.close(await io.openat(sys.AT_FDCWD, '/dev/null', 0, 0))
      const before = openSockets()
      await fc.assert(
        fc.asyncProperty(fc.nat(3), fc.boolean(), async (turns, byPromise) => {
          const client = openSocket({ path: '/' })
          const controller = new AbortController()
          const { signal } = controller
          const co = new Coroutine(() => io.acceptCo(server.fd, 0), byPromise ? {} : { signal })
          const accepted = byPromise ? io.accept(server.fd, 0, { signal }) : co.promise
          if (!byPromise) co.enter(ctx)
          await io.connect(client, server.address)
          for (let i = 0; i < turns; i++) await null
          controller.abort()
          let got = -1
          try {
            got = await accepted
            sys.close(got)
          } catch (error) {
            expect(error).toBe(signal.reason)
          }
          sys.close(client)
          // It is still in the socket's queue if nobody has accepted it.
          if (sys.ppoll(new Int32Array([server.fd, sys.POLLIN]), 1, 0) > 0)
            sys.close(sys.accept4(server.fd, sys.SOCK_CLOEXEC))
        }),
        { numRuns: 30 },
      )
      expect(openSockets()).toBe(before)
    }),
  )

  test('X4: what is in flight when the context closes is rejected, and the rest goes on', async () => {
    const world = World.hosted(backend, host)
    const [a, b] = pipe()
    const read = world.io.read(a, new Uint8Array(1), -1)
    const co = new Coroutine(() => world.io.readCo(a, new Uint8Array(1), -1))
    co.enter(world.ctx)
    const ends = Promise.allSettled([read, co.promise])
    await world[Symbol.asyncDispose]()
    expect(await ends).toMatchObject([
      { status: 'rejected', reason: { code: 'ECANCELED', syscall: 'read' } },
      { status: 'rejected', reason: { code: expect.stringMatching('ERR_AIO_CLOSED|ECANCELED') } },
    ])
    await expect(world.io.read(a, new Uint8Array(1), -1)).rejects.toMatchObject({ code: 'ERR_AIO_CLOSED' })
    for (const fd of [a, b]) sys.close(fd)
  })
})
