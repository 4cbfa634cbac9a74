import { fileURLToPath } from 'node:url'
import { type AioHandler, FdTable } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { pipe, testInterruption, testMonitor } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { uringMonitor } from '../src/index.ts'
import { closeAll, TestRing } from './harness.ts'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))

// What holds of any monitor: F1, F2, F3, F4, F7, F8, F10, M1, M2, X1, X5, X6; and under signals: M5.
testMonitor('io_uring', uringMonitor())
testInterruption('io_uring_enter', 'monitor.uringMonitor()', entry)

/** Closes `fd`, and gives its number to `other`. */
function replace(fd: number, other: number): void {
  sys.check(sys.close(fd), 'close')
  expect(sys.fcntl(other, sys.F_DUPFD_CLOEXEC, fd)).toBe(fd)
  closeAll(other)
}

test('F8: of thousands, one that is another file by now and keeps being ready is found among those that are ready', () => {
  const lost: AioHandler[] = []
  using fds = new FdTable(uringMonitor(), (handler) => lost.push(handler))
  const silent = Array.from({ length: 2000 }, () => sys.check(sys.eventfd(0, sys.EFD_CLOEXEC), 'eventfd'))
  for (const fd of silent) fds.set(fd, { read() {} })
  const [reader, writer] = pipe()
  let calls = 0
  const handler = fds.set(reader, { read: () => void calls++ })
  fds.wait(0)
  sys.write(writer, new Uint8Array(1))
  fds.wait(0)
  const [other, its] = pipe()
  sys.write(its, new Uint8Array(1))
  replace(reader, other)
  for (let i = 0; i < 200; i++) {
    fds.wait(0)
    fds.dispatch()
  }
  expect([lost, calls <= 128]).toEqual([[handler], true])
  closeAll(...silent, reader, writer, its)
})

test('F8: what shares an inode cannot be told apart, and is watched on', () => {
  using ring = new TestRing()
  const event = sys.check(sys.eventfd(1, sys.EFD_CLOEXEC), 'eventfd')
  let calls = 0
  ring.fds.set(event, { read: () => void calls++ })
  ring.look()
  replace(event, sys.check(sys.eventfd(1, sys.EFD_CLOEXEC), 'eventfd'))
  for (let i = 0; i < 300; i++) ring.look()
  expect(calls).toBeGreaterThan(290)
  closeAll(event)
})

test('M1: after a wait the ring is readable for a host loop only while there is something to collect', () => {
  using ring = new TestRing()
  const pollfd = new Int32Array(2)
  const isReadable = () => {
    pollfd[0] = ring.monitor.backendFd
    pollfd[1] = sys.POLLIN
    return sys.check(sys.ppoll(pollfd, 1, 0), 'ppoll') === 1
  }
  const [reader, writer] = pipe()
  ring.fds.set(reader, { read: () => void sys.read(reader, new Uint8Array(10)) })
  for (let i = 0; i < 1000; i++) {
    ring.look()
    expect(isReadable()).toBe(false)
    if (i % 3 === 0) ring.fds.wait(1)
    expect(isReadable()).toBe(false)
    if (i % 2 === 0) {
      sys.write(writer, new Uint8Array(1))
      expect(isReadable()).toBe(true)
    }
  }
  closeAll(writer)
  ring.fds.remove(reader)
  closeAll(reader)
})
