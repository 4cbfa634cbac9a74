import { bufferPool } from '@aiokit/buffer-pool'
import { type AioHandler, CQE_F_MORE, FdTable, HUP, IN, type Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { uringMonitor } from '../src/index.ts'
import { waitingPipe } from './harness.ts'

/**
 * A pipe whose bytes count up, so that the reader of any of them can tell whether it is the next: what is written
 * through the ring or not arrives in order, once, in the view that it was read into.
 */
class CountingPipe {
  readonly reader: number
  readonly writer: number
  written = 0
  readonly seen: number[] = []

  constructor() {
    ;[this.reader, this.writer] = waitingPipe()
  }

  write(count: number): void {
    const bytes = Uint8Array.from({ length: count }, () => this.written++ & 0xff)
    expect(sys.write(this.writer, bytes)).toBe(count)
  }
}

interface Pending {
  readonly number: number
  readonly check: (res: number) => void
  answers: number
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      size: fc.integer({ min: 1, max: 600 }),
      pooled: fc.boolean(),
      async: fc.boolean(),
      vector: fc.boolean(),
      free: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), size: fc.integer({ min: 1, max: 500 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('timeout' as const), ns: fc.constantFrom(0, 1000, 3600e9) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('poll' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('nop' as const), link: fc.boolean(), drain: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('look' as const), wait: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('watch' as const), which: fc.nat(2), on: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const) }) },
)

test('U1, U5, U6, M6, M7: whatever is done in whatever order, each request is answered once and every byte arrives', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(2, 4, 16, 256),
      fc.constantFrom(0, 1, 3),
      fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }),
      (entries, batch, steps) => {
        const lost: AioHandler[] = []
        const fds = new FdTable(uringMonitor({ entries }), (handler) => lost.push(handler))
        const ring = fds.monitor
        ring.maxBatch = batch
        let pipe = new CountingPipe()
        const pipes = [pipe]
        const watched = [waitingPipe(), waitingPipe(), waitingPipe()]
        const requests: { pending: Pending; request: { cancel(): void; readonly pending: boolean } }[] = []
        let inCall = false
        let canLink = 0
        /** Whether there may be requests whose descriptor the kernel looks up later. */
        let late = false
        const add = (prep: (sqe: Sqe) => void, check: (res: number) => void = () => {}) => {
          const pending: Pending = { number: requests.length, check, answers: 0 }
          inCall = true
          const request = ring.addSqe!(prep, {
            complete(res, flags) {
              expect([inCall, pending.answers, flags & CQE_F_MORE]).toEqual([false, 0, 0])
              pending.answers++
              pending.check(res)
            },
          })
          inCall = false
          requests.push({ pending, request })
        }
        const dispatch = () => {
          ring.dispatch!()
          fds.dispatch()
          canLink = 0
        }
        for (const one of steps) {
          if (one.do === 'read') {
            late ||= one.async
            const { reader, seen } = pipe
            const make = (size: number) => (one.pooled ? bufferPool.allocate(size) : new Uint8Array(size))
            const views = one.vector ? [make(one.size), make(3), make(one.size)] : [make(one.size)]
            add(
              (sqe) => {
                if (one.vector) sqe.prepReadv(reader, views, -1)
                else sqe.prepRead(reader, views[0]!, -1)
                if (one.async) sqe.async()
              },
              (res) => {
                if (res < 0) expect(res).toBe(-sys.ECANCELED)
                const bytes = Buffer.concat(views)
                if (res > 0) seen.push(...bytes.subarray(0, res))
                expect(bytes.subarray(Math.max(res, 0)).every((byte) => byte === 0)).toBe(true)
                if (one.pooled && !one.free) for (const view of views) bufferPool.free(view)
              },
            )
            if (one.pooled && one.free) for (const view of views) bufferPool.free(view)
          } else if (one.do === 'write') {
            if (pipe.written < 60_000) pipe.write(one.size)
            continue
          } else if (one.do === 'timeout') {
            add(
              (sqe) => sqe.prepTimeout(one.ns),
              (res) => expect([-sys.ETIME, -sys.ECANCELED]).toContain(res),
            )
          } else if (one.do === 'poll') {
            add(
              (sqe) => sqe.prepPollAdd(pipe.reader, 1),
              (res) => expect([IN, HUP, IN | HUP, -sys.ECANCELED]).toContain(res),
            )
          } else if (one.do === 'nop') {
            const isFirst = canLink === 0
            late ||= one.drain || one.link
            canLink = one.link && canLink < entries - 2 ? canLink + 1 : 0
            add((sqe) => {
              sqe.prepNop()
              if (canLink > 0) sqe.link()
              if (one.drain && isFirst) sqe.drain()
            })
            continue
          } else if (one.do === 'cancel') {
            if (requests.length > 0) requests[one.which % requests.length]!.request.cancel()
            continue
          } else if (one.do === 'look') {
            fds.wait(one.wait ? 1000 : 0)
            dispatch()
          } else if (one.do === 'watch') {
            const [reader, writer] = watched[one.which]!
            if (one.on) {
              fds.set(reader, { read: () => void sys.read(reader, new Uint8Array(1)) })
              sys.write(writer, new Uint8Array(1))
            } else {
              fds.remove(reader)
            }
            continue
          } else {
            // Requests that the kernel has hold on to the old one; others would find the new one under its number.
            if (late) continue
            fds.wait(0)
            for (const fd of [pipe.reader, pipe.writer]) sys.close(fd)
            pipe = new CountingPipe()
            pipes.push(pipe)
          }
          canLink = 0
        }
        for (let i = 0; i < 3; i++) {
          fds.wait(0)
          dispatch()
        }
        fds.close()
        expect(requests.filter(({ pending }) => pending.answers !== 1)).toEqual([])
        expect(requests.some(({ request }) => request.pending)).toBe(false)
        expect(lost).toEqual([])
        // What of the last pipe no request has taken is still in it. Readers run side by side: the bytes of each are
        // in order, and all of them together are what was written.
        const rest = new Uint8Array(65_536)
        sys.fcntl(pipe.reader, sys.F_SETFL, sys.O_NONBLOCK)
        const left = Math.max(0, sys.read(pipe.reader, rest))
        expect(pipe.seen.length + left).toBe(pipe.written)
        const all = [...pipe.seen, ...rest.subarray(0, left)].sort((a, b) => a - b)
        const expected = Array.from({ length: pipe.written }, (_, i) => i & 0xff).sort((a, b) => a - b)
        expect(all).toEqual(expected)
        for (const fd of [pipe.reader, pipe.writer, ...watched.flat()]) sys.close(fd)
      },
    ),
    { numRuns: 250 },
  )
  expect(sys.ioUringCount()).toBe(0)
})
