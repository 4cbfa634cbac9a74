import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AsyncFeed } from '@aiokit/aio'
import * as sys from '@aiokit/sys'
import { openSockets, pipe, socketPair } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { type AioIo, openSocket } from '../src/index.ts'
import { hostedBackends, inHosted, listener, World } from './backends.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-io-'))
afterAll(() => rmSync(folder, { recursive: true }))

let names = 0
const newPath = () => path.join(folder, `${++names}`)

async function connection(io: AioIo, address: Uint8Array): Promise<number> {
  const fd = openSocket({ path: '/' })
  await io.connect(fd, address)
  return fd
}

async function take<T>(feed: AsyncFeed<T>): Promise<T> {
  const { done, value } = await feed.next()
  if (done) throw new Error('it has ended')
  return value as T
}

describe.each(hostedBackends)('by $backend with $host()', ({ backend, host }) => {
  const inWorld = inHosted({ backend, host })

  test(
    'accepts() gives each connection once, in order, also to several that wait',
    inWorld(async (_, io) => {
      using server = listener(newPath())
      const clients: number[] = []
      const accepted: number[] = []
      const feed = io.accepts(server.fd)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (connects) => {
          const waiting: Promise<number>[] = []
          for (const connects_ of connects) {
            if (connects_) clients.push(await connection(io, server.address))
            else waiting.push(take(feed))
          }
          while (accepted.length + waiting.length > clients.length)
            clients.push(await connection(io, server.address))
          while (accepted.length + waiting.length < clients.length) waiting.push(take(feed))
          accepted.push(...(await Promise.all(waiting)))
        }),
        { numRuns: 10 },
      )
      await feed.return()
      // The first accepted is the other side of the first that connected, and so on.
      for (const [i, client] of clients.entries()) {
        sys.write(client, Uint8Array.of(i))
        const byte = new Uint8Array(1)
        expect([await io.read(accepted[i]!, byte, -1), byte[0]]).toEqual([1, i & 255])
        for (const fd of [client, accepted[i]!]) sys.close(fd)
      }
    }),
  )

  test(
    'X6: connections that nobody has taken are closed when the loop is left',
    inWorld(async (_, io) => {
      const descriptors: number[] = []
      for (let round = 0; round < 3; round++) {
        const clients: number[] = []
        using server = listener(newPath())
        for (let i = 0; i < 10; i++) clients.push(await connection(io, server.address))
        for await (const fd of io.accepts(server.fd)) {
          sys.close(fd)
          if (clients.length === 12) break
          for (let i = 0; i < 2; i++) clients.push(await connection(io, server.address))
        }
        for (const fd of clients) sys.close(fd)
        descriptors.push(openSockets())
      }
      // The first time brings some that the loop keeps.
      expect(descriptors[2]).toBe(descriptors[1])
    }),
  )

  test(
    'connections are not accepted without limit',
    inWorld(async (_, io) => {
      using server = listener(newPath())
      await using feed = io.accepts(server.fd)
      const clients = [await connection(io, server.address)]
      const accepted = [await take(feed)]
      while (clients.length < 110) clients.push(await connection(io, server.address))
      while (accepted.length < 110) accepted.push(await take(feed))
      expect(new Set(accepted).size).toBe(110)
      for (const fd of [...clients, ...accepted]) sys.close(fd)
    }),
  )

  test(
    'a listening socket with O_NONBLOCK is accepted from as well',
    inWorld(async (_, io) => {
      using server = listener(newPath())
      sys.check(sys.fcntl(server.fd, sys.F_SETFL, sys.O_NONBLOCK), 'fcntl')
      await using feed = io.accepts(server.fd)
      const waiting = [take(feed), take(feed)]
      const clients = [await connection(io, server.address), await connection(io, server.address)]
      for (const fd of [...clients, ...(await Promise.all(waiting))]) sys.close(fd)
    }),
  )

  test(
    'a signal ends it with its reason; then it is done',
    inWorld(async (_, io) => {
      using server = listener(newPath())
      const [a, b] = socketPair()
      for (const reason of [undefined, new Error('mine')]) {
        const controller = new AbortController()
        const { signal } = controller
        const feeds = [io.accepts(server.fd, { signal }), io.chunks(a, { signal })]
        const first = Promise.allSettled(feeds.map((feed) => feed.next()))
        const second = feeds.map((feed) => feed.next())
        controller.abort(reason)
        for (const each of await first)
          expect(each).toMatchObject({ status: 'rejected', reason: signal.reason })
        for (const each of [...second, ...feeds.map((feed) => feed.next())])
          expect(await each).toEqual({ value: undefined, done: true })
        expect(() => io.chunks(a, { signal })).toThrow(signal.reason as Error)
      }
      sys.write(b, Uint8Array.of(1))
      expect(await take(io.chunks(a))).toEqual(Uint8Array.of(1))
      for (const fd of [a, b]) sys.close(fd)
    }),
  )

  test(
    'chunks() gives what was written, to the end, in memory of its own',
    inWorld(async (_, io) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { maxLength: 8 }),
          fc.integer({ min: 1, max: 5000 }),
          fc.constantFrom('socket', 'pipe', 'file'),
          async (parts, size, kind) => {
            let reader: number
            let written: Promise<number> = Promise.resolve(0)
            if (kind === 'file') {
              const name = newPath()
              writeFileSync(name, Buffer.concat(parts))
              reader = openSync(name, 'r')
            } else {
              const [end, writer] = kind === 'pipe' ? pipe() : socketPair()
              reader = end
              written = (async () => {
                for (const part of parts) await io.write(writer, part, -1)
                return io.close(writer)
              })()
            }
            const chunks: Uint8Array<ArrayBuffer>[] = []
            for await (const chunk of io.chunks(reader, { size })) {
              expect(chunk.length).toBeLessThanOrEqual(size)
              expect(chunk.buffer.byteLength).toBe(chunk.length)
              chunks.push(chunk)
            }
            expect(Buffer.compare(Buffer.concat(chunks), Buffer.concat(parts))).toBe(0)
            await written
            closeSync(reader)
          },
        ),
        { numRuns: 25 },
      )
    }),
  )

  test(
    'an error ends it; throw() rejects with what it was given',
    inWorld(async (_, io) => {
      await expect(take(io.chunks(99_999))).rejects.toMatchObject({ code: 'EBADF', syscall: 'read' })
      await expect(take(io.accepts(99_999))).rejects.toMatchObject({ code: 'EBADF', syscall: 'accept' })
      const [a, b] = pipe()
      const feed = io.chunks(a)
      const waiting = feed.next()
      const error = new Error('enough')
      await expect(feed.throw(error)).rejects.toBe(error)
      expect(await waiting).toEqual({ value: undefined, done: true })
      for (const fd of [a, b]) sys.close(fd)
    }),
  )

  test('X4: closing the context ends it', async () => {
    const world = World.hosted(backend, host)
    const [a, b] = pipe()
    using server = listener(newPath())
    const waiting = Promise.allSettled([world.io.chunks(a).next(), world.io.accepts(server.fd).next()])
    await world[Symbol.asyncDispose]()
    for (const each of await waiting)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'ERR_AIO_CLOSED' } })
    expect(() => world.io.chunks(a)).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
    for (const fd of [a, b]) sys.close(fd)
  })
})
