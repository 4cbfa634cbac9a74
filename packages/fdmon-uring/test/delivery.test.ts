import { CQE_F_MORE, FdTable, type Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uringMonitor } from '../src/index.ts'
import { closeAll, code, newAnswer, TestRing, waitingPipe, waitingSockets } from './harness.ts'

const nop = (sqe: Sqe) => sqe.prepNop()

test('U1: a handler is called by a later dispatch, and by neither addSqe nor the wait', () => {
  using ring = new TestRing()
  const answer = ring.add(nop)
  expect([answer.isDone, answer.request.pending]).toEqual([false, true])
  ring.fds.wait(-1)
  expect([answer.isDone, answer.request.pending, ring.monitor.hasPending]).toEqual([false, true, true])
  expect(ring.monitor.dispatch()).toBe(true)
  expect([answer.results, answer.request.pending, ring.monitor.dispatch()]).toEqual([[0], false, false])
})

test.each([1, 2, 8, 256])(
  'M6, U1: ten times more requests than the %i entries of the queue are made in one go, and none is answered inside addSqe',
  (entries) => {
    using ring = new TestRing({ entries })
    const answers = Array.from({ length: 10 * entries }, () => {
      const answer = ring.add(nop)
      expect(answer.isDone).toBe(false)
      return answer
    })
    expect(answers.some((each) => each.isDone)).toBe(false)
    ring.until(() => answers.every((each) => each.isDone))
  },
)

test.each([
  [1, 400],
  [8, 3200],
  [8, 20_000],
])('M6: a queue of %i entries loses none of %i completions, and they come in order', (entries, count) => {
  using ring = new TestRing({ entries })
  const order: number[] = []
  for (let i = 0; i < count; i++) ring.monitor.addSqe(nop, { complete: () => void order.push(i) })
  ring.until(() => order.length === count)
  expect(order.every((number, i) => number === i)).toBe(true)
})

test('M6: completions that overflow while the program does something else are all there', () => {
  using ring = new TestRing({ entries: 8 })
  const [reader, writer] = waitingPipe()
  const waiting = Array.from({ length: 500 }, () => ring.add((sqe) => sqe.prepPollAdd(reader, 1)))
  ring.look()
  expect(waiting.some((each) => each.isDone)).toBe(false)
  sys.write(writer, Buffer.alloc(1))
  // Two of them in one look, so that what overflowed and what did not come together.
  ring.look()
  ring.until(() => waiting.every((each) => each.isDone))
  expect(waiting.every((each) => each.res === 1)).toBe(true)
  closeAll(reader, writer)
})

test('M6: a chain in a queue that is full stays a chain', () => {
  using ring = new TestRing({ entries: 8 })
  for (let before = 0; before < 20; before++) {
    const others = Array.from({ length: before }, () => ring.add(nop))
    const first = ring.add((sqe) => {
      sqe.prepRead(999_999, Buffer.alloc(1), 0)
      sqe.link()
    })
    const second = ring.add((sqe) => {
      nop(sqe)
      sqe.link()
    })
    const third = ring.add(nop)
    ring.until(() => [...others, first, second, third].every((each) => each.isDone))
    expect([first.res, second.res, third.res]).toEqual([-sys.EBADF, -sys.ECANCELED, -sys.ECANCELED])
  }
})

test('M6, U1: handlers make requests themselves, more than there are entries', () => {
  using ring = new TestRing({ entries: 8 })
  let made = 1
  let answered = 0
  let depth = 0
  const handler = {
    complete() {
      expect(depth++).toBe(0)
      answered++
      for (let i = 0; i < 100 && made < 5000; i++, made++) ring.monitor.addSqe(nop, handler)
      depth--
    },
  }
  ring.monitor.addSqe(nop, handler)
  ring.until(() => answered === 5000)
})

test('U2, X1: what was found and not delivered is delivered by the next dispatch, nested or after an error, once', () => {
  using ring = new TestRing()
  const seen: number[] = []
  for (let i = 0; i < 10; i++) {
    ring.monitor.addSqe(nop, {
      complete() {
        seen.push(i)
        if (i === 3) {
          ring.look()
          expect(seen.length).toBe(10)
        }
        if (i === 5) throw new Error('five')
      },
    })
  }
  ring.fds.wait(-1)
  expect(() => ring.monitor.dispatch()).toThrow('five')
  expect([seen.length, ring.monitor.hasPending]).toEqual([6, true])
  // A wait for ever does not wait for what is there.
  seen.splice(3, 1)
  ring.fds.wait(-1)
  ring.monitor.dispatch()
  expect(seen).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9])
})

describe('U5: a request that is cancelled is answered once', () => {
  const stages = ['before submission', 'in flight', 'completed', 'delivered', 'in its own handler'] as const
  const kinds = [
    'read',
    'async read',
    'poll',
    'timeout',
    'recv',
    'accept multishot',
    'recv multishot',
    'nop',
  ] as const
  test.each(stages.flatMap((stage) => kinds.map((kind) => [stage, kind] as const)))(
    'U5: %s (%s)',
    (stage, kind) => {
      using ring = new TestRing()
      const [reader, writer] = waitingPipe()
      const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
      const server = sys.check(sys.socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
      sys.check(
        sys.bind(server, sys.encodeAddress({ path: `\0aiokit-${process.pid}-${Math.random()}` })),
        'bind',
      )
      sys.check(sys.listen(server, 10), 'listen')
      const group = ring.monitor.createBufferGroup(4, 16)
      const answer = newAnswer()
      const { complete } = answer
      let own: { cancel(): void } | null = null
      answer.complete = (res, flags) => {
        if (stage === 'in its own handler') own!.cancel()
        complete.call(answer, res, flags)
      }
      const { request } = ring.add((sqe) => {
        if (kind === 'read' || kind === 'async read') sqe.prepRead(reader, Buffer.alloc(1), -1)
        if (kind === 'async read') sqe.async()
        if (kind === 'poll') sqe.prepPollAdd(reader, 1)
        if (kind === 'timeout')
          sqe.prepTimeout(stage === 'before submission' || stage === 'in flight' ? 3600e9 : 1)
        if (kind === 'recv') sqe.prepRecv(a, Buffer.alloc(1), 0)
        if (kind === 'accept multishot') sqe.prepAcceptMultishot(server, 0)
        if (kind === 'recv multishot') sqe.prepRecvMultishot(a, group, 0)
        if (kind === 'nop') sqe.prepNop()
      }, answer)
      own = request
      const isMultishot = kind.endsWith('multishot')
      if (stage !== 'before submission') ring.fds.wait(0)
      if (stage === 'completed' || stage === 'delivered' || stage === 'in its own handler') {
        sys.write(writer, Buffer.alloc(1))
        sys.send(b, Buffer.alloc(1), 0, 1, 0)
        if (kind === 'accept multishot') {
          const client = sys.check(sys.socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
          const address = new Uint8Array(sys.SOCKADDR_MAX)
          const length = sys.getsockname(server, address)
          sys.check(sys.connect(client, address.subarray(0, length)), 'connect')
        }
        while (!ring.monitor.hasPending) ring.fds.wait(-1)
      }
      if (stage !== 'completed' && stage !== 'before submission' && stage !== 'in flight')
        ring.monitor.dispatch()
      request.cancel()
      request.cancel()
      ring.until(() => answer.isDone)
      const succeeded = answer.results.filter((res) => res >= 0)
      if (stage === 'before submission' || stage === 'in flight') {
        if (kind !== 'nop') expect(answer.results).toEqual([-sys.ECANCELED])
      } else if (isMultishot) {
        expect([succeeded.length, answer.results.at(-1)]).toEqual([1, -sys.ECANCELED])
        expect(answer.flags.slice(0, -1).every((flags) => (flags & CQE_F_MORE) !== 0)).toBe(true)
      } else {
        expect(answer.results).toEqual([kind === 'timeout' ? -sys.ETIME : kind === 'nop' ? 0 : 1])
      }
      for (let i = 0; i < 3; i++) ring.look()
      request.cancel()
      ring.look()
      expect([answer.isDone, request.pending]).toEqual([true, false])
      closeAll(reader, writer, a, b, server)
      if (kind === 'accept multishot') closeAll(...succeeded)
    },
  )
})

test('U5: 5,000 requests are cancelled in one go, and each is answered once', () => {
  using ring = new TestRing({ entries: 64 })
  const [reader, writer] = waitingPipe()
  const answers = Array.from({ length: 5000 }, (_, i) =>
    ring.add((sqe) => {
      if (i % 3 === 0) sqe.prepTimeout(3600e9)
      else if (i % 3 === 1) sqe.prepPollAdd(reader, 1)
      else sqe.prepRead(reader, Buffer.alloc(1), -1)
    }),
  )
  for (const { request } of answers) request.cancel()
  ring.until(() => answers.every((each) => each.isDone))
  expect(answers.every((each) => each.results.length === 1 && each.res === -sys.ECANCELED)).toBe(true)
  closeAll(reader, writer)
})

test('U5: a request that the kernel tries again and again, and does not find when it is to be cancelled, is cancelled', () => {
  using ring = new TestRing()
  const MSG_OOB = 1
  const MSG_PEEK = 2
  for (let i = 0; i < 9; i++) {
    const [a, b] = waitingSockets()
    // Out-of-band data makes a socket readable with nothing to read, and looking does not take it.
    sys.check(sys.send(b, Buffer.alloc(1), 0, 1, MSG_OOB), 'send')
    const receive = ring.add((sqe) => sqe.prepRecv(a, Buffer.alloc(10), MSG_PEEK))
    if (i % 3 === 1) ring.look()
    receive.request.cancel()
    ring.until(() => receive.isDone)
    expect(receive.results).toEqual([-sys.ECANCELED])
    closeAll(a, b)
  }
})

test('U5: a poll that a thread of the kernel is beginning, whenever it is cancelled, is cancelled', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  for (let round = 0; round < 400; round++) {
    const polls = Array.from({ length: 16 }, () =>
      ring.add((sqe) => {
        sqe.prepPollAdd(reader, 1)
        sqe.async()
      }),
    )
    ring.look()
    for (let looks = round % 20; looks > 0; looks--) ring.look()
    for (const { request } of polls) request.cancel()
    ring.until(() => polls.every((poll) => poll.isDone))
    expect(polls.every((poll) => poll.results.length === 1 && poll.res === -sys.ECANCELED)).toBe(true)
  }
  closeAll(reader, writer)
})

test('U5: a request to cancel says what it found, and takes requests of its own ring only', () => {
  using ring = new TestRing()
  using other = new TestRing()
  const [reader, writer] = waitingPipe()
  const read = ring.add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  const foreign = other.add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  ring.look()
  other.look()
  for (const request of [foreign.request, {}, null, new Proxy(read.request, {}), 1] as never[]) {
    expect(() => ring.add((sqe) => sqe.prepCancel(request))).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    expect(() => ring.add((sqe) => sqe.prepPollRemove(request))).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  }
  expect(ring.run((sqe) => sqe.prepCancel(read.request))).toBe(0)
  ring.until(() => read.isDone)
  expect(read.results).toEqual([-sys.ECANCELED])
  expect(ring.run((sqe) => sqe.prepCancel(read.request))).toBe(-sys.ENOENT)
  foreign.request.cancel()
  other.until(() => foreign.isDone)
  closeAll(reader, writer)
})

test('M7: removing a descriptor whose poll is in flight calls nobody, and its number can be used at once', () => {
  using ring = new TestRing()
  fc.assert(
    fc.property(
      fc.array(fc.record({ which: fc.nat(4), ready: fc.boolean(), wait: fc.boolean(), swap: fc.boolean() }), {
        maxLength: 60,
      }),
      (steps) => {
        const slots: { fd: number; peer: number; calls: number; expect: boolean }[] = []
        for (let i = 0; i < 5; i++) {
          const [fd, peer] = waitingPipe()
          slots.push({ fd, peer, calls: 0, expect: false })
        }
        const watch = (slot: (typeof slots)[number]) => {
          const { fd } = slot
          ring.fds.set(fd, {
            read() {
              if (fd !== slot.fd || !slot.expect) throw new Error('a handler of the past was called')
              slot.calls++
              slot.expect = false
              sys.read(fd, Buffer.alloc(1))
            },
          })
        }
        for (const slot of slots) watch(slot)
        for (const { which, ready, wait, swap } of steps) {
          const slot = slots[which]!
          if (swap) {
            ring.fds.remove(slot.fd)
            closeAll(slot.fd)
            // The other side hears of it at once, whatever the ring still had in flight.
            expect(sys.write(slot.peer, Buffer.alloc(1))).toBe(-sys.EPIPE)
            closeAll(slot.peer)
            const [fd, peer] = waitingPipe()
            Object.assign(slot, { fd, peer, expect: false })
            watch(slot)
          }
          if (ready && !slot.expect) {
            slot.expect = true
            sys.write(slot.peer, Buffer.alloc(1))
          }
          if (wait) {
            ring.look()
            expect(slots.some((each) => each.expect)).toBe(false)
          }
        }
        for (const { fd, peer } of slots) {
          ring.fds.remove(fd)
          closeAll(fd, peer)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('X3: a request that is no request is refused with a code, and what prep throws leaves addSqe; nothing is submitted', () => {
  using ring = new TestRing()
  const handler = newAnswer()
  expect(() => ring.monitor.addSqe(null as never, handler)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  for (const none of [null, undefined, {}, () => {}, { complete: 1 }] as never[])
    expect(() => ring.monitor.addSqe(nop, none)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  expect(() => ring.add(() => {})).toThrow(code('ERR_AIO_NOT_PREPARED'))
  expect(() => ring.add((sqe) => sqe.link())).toThrow(code('ERR_AIO_NOT_PREPARED'))
  expect(() =>
    ring.add((sqe) => {
      nop(sqe)
      throw new Error('mine')
    }),
  ).toThrow('mine')
  expect(() =>
    ring.add((sqe) => {
      nop(sqe)
      nop(sqe)
    }),
  ).toThrow(code('ERR_AIO_NOT_PREPARED'))
  let kept: Sqe | null = null
  expect(
    ring.run((sqe) => {
      kept = sqe
      nop(sqe)
    }),
  ).toBe(0)
  expect(() => nop(kept!)).toThrow(code('ERR_AIO_NOT_PREPARED'))
  expect(() => kept!.link()).toThrow(code('ERR_AIO_NOT_PREPARED'))
  expect(() => kept!.drain()).toThrow(code('ERR_AIO_NOT_PREPARED'))
  // One that catches what a method threw has prepared nothing.
  expect(() =>
    ring.add((sqe) => {
      try {
        sqe.prepRead(0, Buffer.alloc(1), Number.NaN)
      } catch {}
    }),
  ).toThrow(code('ERR_AIO_NOT_PREPARED'))
  const calls = ring.fds.systemCalls
  ring.look()
  expect([ring.fds.systemCalls - calls, handler.isDone]).toEqual([0, false])
})

test('X3: prep makes requests, polls and watches descriptors itself', () => {
  using ring = new TestRing({ entries: 4 })
  const [reader, writer] = waitingPipe()
  const inner: ReturnType<TestRing['add']>[] = []
  const nest = (depth: number) =>
    inner.push(
      ring.add((sqe) => {
        if (depth > 0) nest(depth - 1)
        ring.fds.set(reader, { read() {} })
        if (depth % 2 === 0) ring.look()
        nop(sqe)
        if (depth > 5) nest(depth - 6)
        ring.fds.remove(reader)
      }),
    )
  nest(12)
  ring.until(() => inner.every((each) => each.isDone))
  expect(inner.every((each) => each.results.length === 1)).toBe(true)
  expect(inner.length).toBeGreaterThan(20)
  closeAll(reader, writer)
})

test('X3: a prep that closes the ring makes no request', () => {
  const ring = new TestRing()
  const before = ring.add(nop)
  expect(() =>
    ring.add((sqe) => {
      ring.close()
      nop(sqe)
    }),
  ).toThrow(code('ERR_AIO_CLOSED'))
  expect(before.results).toEqual([-sys.ECANCELED])
  expect(() => ring.add(nop)).toThrow(code('ERR_AIO_CLOSED'))
  expect(() => ring.monitor.createBufferGroup(1, 1)).toThrow(code('ERR_AIO_CLOSED'))
  expect(() => ring.monitor.registerBuffers(null)).toThrow(code('ERR_AIO_CLOSED'))
  expect(() => ring.monitor.registerFiles(null)).toThrow(code('ERR_AIO_CLOSED'))
  expect(() => ring.fds.wait(0)).toThrow(code('ERR_AIO_CLOSED'))
})

test('X3: wrong options are refused', () => {
  for (const entries of [0, -1, 1.5, 32_769, Number.NaN])
    expect(() => uringMonitor({ entries })).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  expect(() => uringMonitor({ entries: '8' as never })).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  expect(() => uringMonitor({ fallback: 1 as never })).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  // What is no power of two is rounded up by the kernel.
  const fds = new FdTable(uringMonitor({ entries: 5 }), () => {})
  fds.close()
})
