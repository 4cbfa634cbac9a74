import { fileURLToPath } from 'node:url'
import type { Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { countCalls, hasCommand, MARK, pipe, runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { closeAll, TestRing } from './harness.ts'

const nop = (sqe: Sqe) => sqe.prepNop()

test('U7: all requests of an iteration, and the polls of its descriptors, go out with one system call, that waits for them', () => {
  using ring = new TestRing()
  const pipes = Array.from({ length: 20 }, pipe)
  for (let round = 0; round < 5; round++) {
    for (const [reader] of pipes) ring.fds.set(reader, { read() {} })
    const answers = Array.from({ length: 100 }, () => ring.add(nop))
    const before = ring.monitor.systemCalls
    ring.fds.wait(-1)
    // Handlers that were replaced have a poll request to be removed in front of the new one.
    expect(ring.monitor.systemCalls - before).toBe(1)
    ring.monitor.dispatch()
    expect(answers.every((each) => each.isDone)).toBe(true)
  }
  closeAll(...pipes.flat())
})

test('M4: nothing is asked of the kernel when there is nothing to submit, and completions are there or nobody waits', () => {
  using ring = new TestRing()
  const [reader, writer] = pipe()
  ring.fds.set(reader, { read: () => void sys.read(reader, Buffer.alloc(1)) })
  ring.look()
  const before = ring.monitor.systemCalls
  for (let i = 0; i < 50; i++) ring.fds.wait(0)
  expect(ring.monitor.needWait()).toBe(false)
  expect(ring.monitor.systemCalls - before).toBe(0)
  ring.add(nop)
  ring.fds.wait(0)
  const found = ring.monitor.systemCalls
  // For ever: what is found and not delivered keeps it from waiting.
  for (let i = 0; i < 50; i++) ring.fds.wait(-1)
  expect(ring.monitor.systemCalls - found).toBe(0)
  closeAll(writer)
  ring.fds.remove(reader)
  closeAll(reader)
})

test.each([
  [0, 100, 0],
  [1, 100, 100],
  [10, 100, 10],
  [33, 100, 3],
])(
  'U7: with a batch of %i, of %i requests %i batches do not wait for the iteration',
  (batch, count, expected) => {
    using ring = new TestRing()
    ring.monitor.maxBatch = batch
    const before = ring.monitor.systemCalls
    const answers = Array.from({ length: count }, () => ring.add(nop))
    expect(ring.monitor.systemCalls - before).toBe(expected)
    expect(answers.some((each) => each.isDone)).toBe(false)
    ring.until(() => answers.every((each) => each.isDone))
  },
)

test('U7: a batch does not part a chain', () => {
  using ring = new TestRing()
  ring.monitor.maxBatch = 2
  const before = ring.monitor.systemCalls
  const chain = Array.from({ length: 5 }, (_, i) =>
    ring.add((sqe) => {
      if (i === 0) sqe.prepRead(999_999, Buffer.alloc(1), 0)
      else nop(sqe)
      if (i < 4) sqe.link()
    }),
  )
  expect(ring.monitor.systemCalls - before).toBe(1)
  ring.until(() => chain.every((each) => each.isDone))
  expect(chain.map((each) => each.res)).toEqual([-sys.EBADF, ...new Array(4).fill(-sys.ECANCELED)])
})

describe.skipIf(!hasCommand('strace'))('system calls as strace counts them', () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  // Those that a monitor makes, and says it has made.
  const calls = 'io_uring_enter,io_uring_register,fcntl,ppoll,statx'

  /** For each of many `step`s. As a rule fewer than the waits after which a descriptor is looked at, to find those that were closed. */
  function count(setup: string, step: string, times = 60): Record<string, number> {
    const { counts, result } = countCalls(calls, (under) =>
      runScript(
        `
        import { FdTable } from '@aiokit/fdmon'
        import * as sys from '@aiokit/sys'
        import * as monitor from './dist/index.js'
        ${MARK}
        const fds = new FdTable(monitor.uringMonitor(), () => {})
        const ring = fds.monitor
        const handler = { complete() {} }
        const pipe = new Int32Array(32)
        sys.pipe2(pipe, sys.O_CLOEXEC | sys.O_NONBLOCK)
        const [reader, writer] = pipe
        ${setup}
        const before = ring.systemCalls
        mark()
        for (let i = 0; i < ${times}; i++) { ${step} }
        mark()
        console.log(ring.systemCalls - before)
        process.reallyExit(0)`,
        { cwd, under },
      ),
    )
    const sum = Object.values(counts).reduce((a, b) => a + b, 0)
    // What the monitor says of itself is true.
    expect(Number(result.stdout)).toBe(sum)
    return Object.fromEntries(Object.entries(counts).map(([call, all]) => [call, all / times]))
  }

  test('M4: a wait is one call, one that must not block with nothing to submit or with completions there is none', () => {
    expect(count('', 'fds.wait(1)')).toEqual({ io_uring_enter: 1 })
    expect(count('', 'fds.wait(0)')).toEqual({})
    const undelivered = 'ring.addSqe((sqe) => sqe.prepNop(), handler); fds.wait(0)'
    expect(count(undelivered, 'fds.wait(-1)')).toEqual({})
  })

  test('U7: requests cost what the wait that submits them costs', () => {
    const add = 'ring.addSqe((sqe) => sqe.prepNop(), handler)'
    expect(count('', `${add}; fds.wait(-1); ring.dispatch()`)).toEqual({ io_uring_enter: 1 })
    expect(count('', `for (let j = 0; j < 50; j++) ${add}; fds.wait(-1); ring.dispatch()`)).toEqual({
      io_uring_enter: 1,
    })
    // Made again when it fires: with the next wait.
    const ready = 'sys.write(writer, new Uint8Array(1)); fds.set(reader, { read() {} })'
    expect(count(ready, 'fds.wait(-1); fds.dispatch()')).toEqual({ io_uring_enter: 1 })
  })

  const watchHundred = (read: string) => `
    let found = 0
    const events = Array.from({ length: 100 }, () => sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK))
    for (const fd of events) fds.set(fd, { read() { found++; ${read} } })
    const setAll = () => { for (const fd of events) sys.eventfdWrite(fd) }`

  test('M4: a hundred that became ready before a wait are found by one call, and looked at by one ppoll', () => {
    for (const timeout of [-1, 0]) {
      // The first wait asks for them.
      const step = `
        fds.wait(0); setAll(); fds.wait(${timeout}); fds.dispatch()
        if (found !== 100) throw new Error(found + ' found')
        found = 0`
      expect(count(watchHundred('sys.eventfdRead(fd)'), step)).toEqual({ io_uring_enter: 2, ppoll: 1 })
    }
    // Not read, they are ready when they are asked for anew.
    const stay = `${watchHundred('')}; setAll(); fds.wait(0); fds.dispatch()`
    expect(count(stay, 'fds.wait(-1); fds.dispatch()')).toEqual({ io_uring_enter: 1 })
  })

  test('U7: a hundred requests that ended before a wait are found by one call', () => {
    const step = `
      let ended = 0
      const reads = { complete() { ended++ } }
      for (let j = 0; j < 100; j++) ring.addSqe((sqe) => sqe.prepRead(reader, new Uint8Array(1), -1), reads)
      fds.wait(0)
      sys.write(writer, new Uint8Array(100))
      fds.wait(-1)
      ring.dispatch()
      if (ended !== 100) throw new Error(ended + ' ended')`
    expect(count('sys.fcntl(reader, sys.F_SETFL, 0)', step)).toEqual({ io_uring_enter: 2 })
  })

  test('M4: of a hundred that become ready while it sleeps the first wakes it, and the others are found by one call', () => {
    // When the thread sleeps and the time has passed, the kernel writes, and all copies of the descriptor are ready.
    const setup = `
      const event = sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK)
      let found = 0
      for (let j = 0; j < 100; j++)
        fds.set(sys.fcntl(event, sys.F_DUPFD_CLOEXEC, 0), { read() { found++ } })
      const one = new BigUint64Array([1n])`
    const step = `
      ring.addSqe((sqe) => { sqe.prepTimeout(1e6); sqe.hardlink() }, handler)
      ring.addSqe((sqe) => sqe.prepWrite(event, one, -1), handler)
      fds.wait(-1)
      ring.dispatch()
      fds.dispatch()
      fds.wait(-1)
      ring.dispatch()
      fds.dispatch()
      if (found !== 100) throw new Error(found + ' found')
      sys.eventfdRead(event)
      found = 0`
    expect(count(setup, step)).toEqual({ io_uring_enter: 2, ppoll: 1 })
  })

  test('X4: a descriptor that a request gives is looked at, to be closed with the thread if need be', () => {
    const open = "sqe.prepOpenat(sys.AT_FDCWD, '/dev/null', sys.O_CLOEXEC)"
    const step = `ring.addSqe((sqe) => ${open}, { complete: sys.close }); fds.wait(-1); ring.dispatch()`
    expect(count('', step)).toEqual({ io_uring_enter: 1, fcntl: 1 })
  })

  test('F8: one descriptor is looked at every 128 waits, and one of those that were ready', () => {
    const set = 'fds.set(reader, { read() {} }); fds.wait(0)'
    expect(count(set, 'fds.wait(0)', 1280)).toEqual({ statx: 1 / 128 })
    const ready = `sys.write(writer, new Uint8Array(1)); ${set}`
    expect(count(ready, 'fds.wait(-1); fds.dispatch()', 1280)).toEqual({
      io_uring_enter: 1,
      statx: 2 / 128,
    })
  })

  test('M7, F3: registering looks at the descriptor, and removing one that is polled is one call, else none', () => {
    const set = 'fds.set(reader, { read() {} })'
    expect(count('', `${set}; fds.remove(reader)`)).toEqual({ statx: 1 })
    expect(count('', `${set}; fds.wait(0); fds.remove(reader)`)).toEqual({ statx: 1, io_uring_enter: 2 })
    const own = 'fds.set(reader, { read() { fds.remove(reader) } }); fds.wait(-1); fds.dispatch()'
    expect(count('sys.write(writer, new Uint8Array(1))', own)).toEqual({ statx: 1, io_uring_enter: 1 })
  })
})
