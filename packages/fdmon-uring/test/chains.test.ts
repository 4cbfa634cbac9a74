import fs from 'node:fs'
import type { Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { regularFile } from '@aiokit/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeAll, code, TestRing, waitingPipe } from './harness.ts'

const MS = 1_000_000

test('U4: linked requests run one after the other, and an error cancels what follows', () => {
  using ring = new TestRing()
  const file = regularFile()
  const read = Buffer.alloc(4)
  const chain = [
    ring.add((sqe) => {
      sqe.prepWrite(file, Buffer.from('data'), 0)
      sqe.link()
    }),
    ring.add((sqe) => {
      sqe.link()
      sqe.prepFsync(file)
    }),
    ring.add((sqe) => sqe.prepRead(file, read, 0)),
  ]
  ring.until(() => chain.every((each) => each.isDone))
  expect(chain.map((each) => each.res)).toEqual([4, 0, 4])
  expect(read.toString()).toBe('data')
  const failing = [
    ring.add((sqe) => {
      sqe.prepRead(999_999, read, 0)
      sqe.link()
    }),
    ring.add((sqe) => {
      sqe.prepNop()
      sqe.link()
    }),
    ring.add((sqe) => sqe.prepNop()),
    ring.add((sqe) => sqe.prepNop()),
  ]
  ring.until(() => failing.every((each) => each.isDone))
  expect(failing.map((each) => each.res)).toEqual([-sys.EBADF, -sys.ECANCELED, -sys.ECANCELED, 0])
  closeAll(file)
})

test('U4: a short read ends a chain of links, but not one of hard links', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  for (const hard of [false, true]) {
    sys.write(writer, Buffer.from('ab'))
    const first = ring.add((sqe) => {
      sqe.prepRead(reader, Buffer.alloc(5), -1)
      if (hard) sqe.hardlink()
      else sqe.link()
    })
    const second = ring.add((sqe) => sqe.prepNop())
    ring.until(() => second.isDone && first.isDone)
    expect([first.res, second.res]).toEqual([2, hard ? 0 : -sys.ECANCELED])
  }
  closeAll(reader, writer)
})

test('U4: a link timeout cancels the request in front of it, or is cancelled by its end', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  for (const inTime of [false, true]) {
    const read = ring.add((sqe) => {
      sqe.prepRead(reader, Buffer.alloc(1), -1)
      sqe.link()
    })
    const timeout = ring.add((sqe) => sqe.prepLinkTimeout(inTime ? 3600e9 : 1 * MS))
    ring.look()
    if (inTime) sys.write(writer, Buffer.from('a'))
    ring.until(() => read.isDone && timeout.isDone)
    expect(read.res).toBe(inTime ? 1 : -sys.ECANCELED)
    expect(timeout.res).toBe(inTime ? -sys.ECANCELED : -sys.ETIME)
  }
  expect(ring.run((sqe) => sqe.prepLinkTimeout(1))).toBe(-sys.EINVAL)
  closeAll(reader, writer)
})

test('U4: a timeout ends with ETIME when its time has passed, in nanoseconds, and with 0 when so many have completed', () => {
  using ring = new TestRing()
  for (const timeout of [0, 1, 999_999_999 / 1000, 2.5 * MS]) {
    const start = sys.monotonicNs()
    expect(ring.run((sqe) => sqe.prepTimeout(timeout))).toBe(-sys.ETIME)
    expect(sys.monotonicNs() - start).toBeGreaterThanOrEqual(Math.floor(timeout))
  }
  const counting = ring.add((sqe) => sqe.prepTimeout(Number.MAX_SAFE_INTEGER, 3))
  for (let i = 0; i < 2; i++) ring.run((sqe) => sqe.prepNop())
  expect(counting.isDone).toBe(false)
  ring.run((sqe) => sqe.prepNop())
  ring.until(() => counting.isDone)
  expect(counting.results).toEqual([0])
})

test('U4: async sends a request to a thread of the kernel, with the same result', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const buffer = Buffer.alloc(3)
  const read = ring.add((sqe) => {
    sqe.prepRead(reader, buffer, -1)
    sqe.async()
  })
  ring.look()
  expect(read.isDone).toBe(false)
  sys.write(writer, Buffer.from('abc'))
  ring.until(() => read.isDone)
  expect([read.res, buffer.toString()]).toEqual([3, 'abc'])
  closeAll(reader, writer)
})

test('U4: a chain is as long as the submission queue, and refused if it is longer', () => {
  using ring = new TestRing({ entries: 8 })
  for (const before of [0, 1, 5, 8]) {
    const order: number[] = []
    const note = (prep: (sqe: Sqe) => void) => {
      const number = order.length + 1000
      ring.monitor.addSqe(prep, { complete: () => void order.push(number) })
    }
    for (let i = 0; i < before; i++) note((sqe) => sqe.prepNop())
    const file = regularFile()
    const reads: Buffer[] = []
    const answers = Array.from({ length: 8 }, (_, i) =>
      ring.add((sqe) => {
        // Each reads what the one before has written.
        if (i % 2 === 0) sqe.prepWrite(file, Buffer.from(`${i}`), 0)
        else {
          reads.push(Buffer.alloc(1))
          sqe.prepRead(file, reads.at(-1)!, 0)
        }
        if (i < 7) sqe.link()
      }),
    )
    ring.until(() => answers.every((each) => each.isDone))
    expect(answers.map((each) => each.res)).toEqual(new Array(8).fill(1))
    expect(reads.map(String)).toEqual(['0', '2', '4', '6'])
    closeAll(file)
  }
  const linked = (sqe: Sqe) => {
    sqe.prepNop()
    sqe.link()
  }
  const seven = Array.from({ length: 7 }, () => ring.add(linked))
  expect(() => ring.add(linked)).toThrow(code('ERR_AIO_CHAIN'))
  ring.until(() => seven.every((each) => each.isDone))
  expect(seven.map((each) => each.res)).toEqual(new Array(7).fill(0))
})

test('U4, F4: a descriptor that stops being watched in the midst of a chain leaves the chain whole', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  ring.fds.set(reader, { read() {} })
  ring.look()
  const first = ring.add((sqe) => {
    sqe.prepRead(999_999, Buffer.alloc(1), 0)
    sqe.link()
  })
  const cancelled = ring.add((sqe) => {
    sqe.prepNop()
    sqe.link()
  })
  ring.fds.remove(reader)
  first.request.cancel()
  const last = ring.add((sqe) => sqe.prepNop())
  ring.until(() => last.isDone)
  expect([first.res, cancelled.res, last.res]).toEqual([-sys.EBADF, -sys.ECANCELED, -sys.ECANCELED])
  closeAll(reader, writer)
})

test('U4: what is drained begins when all before it have ended, and what follows when it has', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const [watched, other] = waitingPipe()
  let reads = 0
  ring.fds.set(watched, { read: () => void sys.read(watched, Buffer.alloc(++reads)) })
  const order: string[] = []
  const note = (name: string, prep: (sqe: Sqe) => void) =>
    ring.monitor.addSqe(prep, { complete: (res) => void order.push(`${name} ${res}`) })
  note('before', (sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  note('drained', (sqe) => {
    sqe.drain()
    sqe.prepNop()
  })
  note('after', (sqe) => sqe.prepNop())
  ring.look()
  ring.look()
  expect(order).toEqual([])
  // Descriptors are watched meanwhile, new ones too.
  sys.write(other, Buffer.from('x'))
  ring.until(() => reads === 1)
  ring.fds.set(other, { write: () => ring.fds.remove(other) })
  ring.look()
  sys.write(writer, Buffer.from('x'))
  ring.until(() => order.length === 3)
  expect(order).toEqual(['before 1', 'drained 0', 'after 0'])
  closeAll(reader, writer, watched, other)
})

test('U4: a chain is drained as a whole, from its first request', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const order: string[] = []
  const note = (name: string, prep: (sqe: Sqe) => void) =>
    ring.monitor.addSqe(prep, { complete: (res) => void order.push(`${name} ${res}`) })
  for (const wait of [true, false]) {
    if (wait) note('before', (sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
    note('first', (sqe) => {
      sqe.prepTimeout(1)
      sqe.drain()
      sqe.hardlink()
    })
    note('second', (sqe) => {
      sqe.prepTimeout(1)
      sqe.hardlink()
    })
    expect(() =>
      note('never', (sqe) => {
        sqe.prepNop()
        sqe.drain()
      }),
    ).toThrow(code('ERR_AIO_CHAIN'))
    note('third', (sqe) => sqe.prepNop())
    note('after', (sqe) => sqe.prepNop())
    ring.look()
    if (wait) {
      expect(order).toEqual([])
      sys.write(writer, Buffer.from('x'))
    }
    ring.until(() => order.length === (wait ? 5 : 4))
    const chain = ['first -62', 'second -62', 'third 0', 'after 0']
    expect(order.splice(0)).toEqual(wait ? ['before 1', ...chain] : chain)
  }
  closeAll(reader, writer)
})

test('U5, U4: what waits to be drained can be cancelled, with those of its chain behind it', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const before = ring.add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  const held = Array.from({ length: 6 }, (_, i) =>
    ring.add((sqe) => {
      sqe.prepNop()
      if (i === 0) sqe.drain()
      if (i === 1 || i === 2) sqe.link()
      if (i === 3) sqe.hardlink()
    }),
  )
  held[2]!.request.cancel()
  held[2]!.request.cancel()
  expect(held.some((each) => each.isDone)).toBe(false)
  ring.look()
  expect(held.map((each) => each.results)).toEqual([[], [], [-sys.ECANCELED], [-sys.ECANCELED], [], []])
  sys.write(writer, Buffer.from('x'))
  ring.until(() => before.isDone && held.every((each) => each.isDone))
  expect(held.map((each) => each.res)).toEqual([0, 0, -sys.ECANCELED, -sys.ECANCELED, 0, 0])
  closeAll(reader, writer)
})

test('U4: drained and linked requests in any order run as their flags say', () => {
  const step = fc.record({
    drain: fc.boolean(),
    link: fc.constantFrom('', '', 'link', 'hardlink'),
    look: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      using ring = new TestRing({ entries: 16 })
      const file = regularFile()
      const ended: number[] = []
      const barriers: number[] = []
      let linked = false
      let length = 0
      let count = 0
      let barrier = false
      for (const { drain, link, look } of steps) {
        const number = count++
        // The limit of a chain is another test's.
        const goesOn = link !== '' && length < 10
        const first = !linked
        if (first) barrier = drain
        if (barrier) barriers.push(number)
        ring.monitor.addSqe(
          (sqe) => {
            if (number % 3 === 0) sqe.prepTimeout(1000)
            else sqe.prepWrite(file, Buffer.from([number]), number)
            if (drain && first) sqe.drain()
            if (goesOn) link === 'link' && number % 3 !== 0 ? sqe.link() : sqe.hardlink()
          },
          { complete: () => void ended.push(number) },
        )
        linked = goesOn
        length = goesOn ? length + 1 : 0
        if (look) {
          ring.look()
          linked = false
          length = 0
        }
      }
      ring.until(() => ended.length === count)
      for (const number of barriers) {
        const at = ended.indexOf(number)
        const others = (each: number) => !barriers.includes(each)
        expect(
          ended
            .slice(0, at)
            .filter(others)
            .every((each) => each < number),
        ).toBe(true)
        expect(
          ended
            .slice(at)
            .filter(others)
            .every((each) => each > number),
        ).toBe(true)
      }
      for (let i = 0; i < count; i++) {
        if (i % 3 === 0) continue
        const byte = Buffer.alloc(1)
        fs.readSync(file, byte, 0, 1, i)
        expect(byte[0]).toBe(i)
      }
      closeAll(file)
    }),
    { numRuns: 60 },
  )
})
