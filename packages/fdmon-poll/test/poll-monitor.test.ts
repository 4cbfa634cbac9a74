import { fileURLToPath } from 'node:url'
import { type FdMonitorFactory, FdTable } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { openDescriptors, pipe, testInterruption, testMonitor } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { pollMonitor } from '../src/index.ts'

// What holds of any monitor: F1, F2, F3, F4, F7, F8, F10, M1, M2, X1, X5, X6; and under signals: M5.
testMonitor('poll', pollMonitor())
testInterruption(
  'ppoll',
  'monitor.pollMonitor()',
  fileURLToPath(new URL('../dist/index.js', import.meta.url)),
)

test('M2: a wait is one system call, whatever the number of descriptors', () => {
  using fds = new FdTable(pollMonitor(), () => {})
  const pipes = Array.from({ length: 200 }, pipe)
  for (const [reader] of pipes) fds.set(reader, { read() {} })
  const before = fds.systemCalls
  for (let i = 0; i < 10; i++) fds.wait(0)
  expect(fds.systemCalls - before).toBe(10)
  for (const fd of pipes.flat()) sys.close(fd)
})

test('F8: several descriptors closed at once are dropped in one wait, the others stay', () => {
  const closed: number[] = []
  using fds = new FdTable(pollMonitor(), (handler) => closed.push(handler.fd))
  const pipes = Array.from({ length: 10 }, pipe)
  let reads = 0
  for (const [reader, writer] of pipes) {
    fds.set(reader, { read: () => void reads++ })
    sys.write(writer, new Uint8Array(1))
  }
  const gone = [0, 3, 4, 8, 9].map((i) => pipes[i]![0])
  for (const fd of gone) sys.close(fd)
  fds.wait(0)
  fds.dispatch()
  expect(closed.sort()).toEqual(gone.sort())
  expect(reads).toBe(5)
  for (const fd of pipes.flat()) sys.close(fd)
})

test('M3: it hands over at the number asked for, with everything that it watched', () => {
  const calls: string[] = []
  const successor: typeof pollMonitor = () => (host) => {
    calls.push('made')
    return pollMonitor()(host)
  }
  using fds = new FdTable(pollMonitor({ upgrade: { at: 3, to: successor() } }), () => {})
  const pipes = [pipe(), pipe(), pipe()]
  let reads = 0
  for (const [i, [reader, writer]] of pipes.entries()) {
    expect(calls.length).toBe(0)
    fds.set(reader, { read: () => void reads++ })
    sys.write(writer, new Uint8Array(1))
    expect(calls.length).toBe(i === 2 ? 1 : 0)
  }
  fds.wait(0)
  fds.dispatch()
  expect(reads).toBe(3)
  for (const fd of pipes.flat()) sys.close(fd)
})

test('M3: if the other monitor refuses what is watched it stays, says why, and nothing is reported as closed', () => {
  const refusing: FdMonitorFactory = (host) => {
    const monitor = pollMonitor()(host)
    const update = monitor.update.bind(monitor)
    let updates = 0
    monitor.update = (handler, events) => {
      if (events !== 0 && ++updates === 2) throw new sys.SystemError(-sys.ELOOP, 'epoll_ctl')
      update(handler, events)
    }
    return monitor
  }
  const closed: number[] = []
  using fds = new FdTable(pollMonitor({ upgrade: { at: 4, to: refusing } }), (handler) =>
    closed.push(handler.fd),
  )
  const pipes = [pipe(), pipe(), pipe(), pipe()]
  let reads = 0
  for (const [reader, writer] of pipes) {
    fds.set(reader, { read: () => void reads++ })
    sys.write(writer, new Uint8Array(1))
  }
  fds.wait(0)
  fds.dispatch()
  expect([reads, closed]).toEqual([4, []])
  expect(fds.fallback).toMatchObject({ code: 'ELOOP' })
  for (const [reader] of pipes) fds.remove(reader)
  fds.wait(0)
  expect(fds.dispatch()).toBe(false)
  for (const fd of pipes.flat()) sys.close(fd)
})

test('M3: if the other monitor cannot be made it stays, says why, and does not try again', () => {
  let attempts = 0
  const impossible = () => {
    attempts++
    throw new Error('no epoll today')
  }
  using fds = new FdTable(pollMonitor({ upgrade: { at: 2, to: impossible } }), () => {})
  const pipes = [pipe(), pipe(), pipe()]
  for (const [reader] of pipes) fds.set(reader, { read() {} })
  expect([attempts, fds.fallback?.message, fds.monitor.name]).toEqual([1, 'no epoll today', 'poll'])
  for (const fd of pipes.flat()) sys.close(fd)
})

test('X3: a threshold that makes no sense is refused', () => {
  for (const options of [null, 5, { upgrade: null }, { upgrade: { at: 1, to: 'epoll' } }])
    expect(() => pollMonitor(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  expect(() => pollMonitor({ upgrade: { at: 0, to: pollMonitor() } })).toThrow(
    '"options.upgrade.at" must be an integer from 1',
  )
})

test('X6: it needs no descriptor of its own', () => {
  const before = openDescriptors()
  using _fds = new FdTable(pollMonitor(), () => {})
  expect(openDescriptors()).toBe(before)
})
