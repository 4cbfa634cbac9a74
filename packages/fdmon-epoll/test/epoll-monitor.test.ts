import { fileURLToPath } from 'node:url'
import { type FdHandlers, FdTable } from '@aiokit/fdmon'
import { pollMonitor } from '@aiokit/fdmon-poll'
import * as sys from '@aiokit/sys'
import { hasCommand, pipe, regularFile, runScript, testInterruption, testMonitor } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { epollMonitor } from '../src/index.ts'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const folder = fileURLToPath(new URL('..', import.meta.url))

// What holds of any monitor: F1, F2, F3, F4, F7, F8, F10, M1, M2, X1, X5, X6; and under signals: M5.
testMonitor('epoll', epollMonitor())
testMonitor('epoll', epollMonitor({ fallback: pollMonitor() }))
testInterruption('epoll_wait,epoll_pwait2', 'monitor.epollMonitor()', entry)

test('F5: a wait is one system call, and looks at what is ready only', () => {
  using fds = new FdTable(epollMonitor(), () => {})
  const pipes = Array.from({ length: 200 }, pipe)
  let reads = 0
  for (const [reader] of pipes) fds.set(reader, { read: () => void reads++ })
  sys.write(pipes[77]![1], new Uint8Array(1))
  const before = fds.systemCalls
  for (let i = 0; i < 10; i++) {
    fds.wait(0)
    fds.dispatch()
  }
  expect([reads, fds.systemCalls - before]).toEqual([10, 10])
  for (const fd of pipes.flat()) sys.close(fd)
})

test('F10: after a few waits one wait fetches all that is ready, however much it is', () => {
  using fds = new FdTable(epollMonitor(), () => {})
  const eventfds = Array.from({ length: 1000 }, () => sys.check(sys.eventfd(1, sys.EFD_CLOEXEC), 'eventfd'))
  let reads = 0
  for (const fd of eventfds) fds.set(fd, { read: () => void reads++ })
  for (let i = 0; i < 5; i++) {
    reads = 0
    fds.wait(0)
    fds.dispatch()
  }
  expect(reads).toBe(1000)
  for (const fd of eventfds) sys.close(fd)
})

test('F8: made anew because of a duplicate, it drops what else was closed and keeps the rest', () => {
  const closed: number[] = []
  using fds = new FdTable(epollMonitor(), (handler) => closed.push(handler.fd))
  const [duplicated, silent, alive] = [pipe(), pipe(), pipe()]
  let reads = 0
  for (const [reader, writer] of [duplicated, silent, alive]) {
    fds.set(reader, { read: () => void reads++ })
    sys.write(writer, new Uint8Array(1))
  }
  const duplicate = sys.check(sys.fcntl(duplicated[0], sys.F_DUPFD_CLOEXEC, 0), 'fcntl')
  sys.close(duplicated[0])
  fds.remove(duplicated[0])
  sys.close(silent[0])
  const { backendFd } = fds.monitor
  fds.wait(0)
  fds.dispatch()
  expect([closed, reads, fds.monitor.name]).toEqual([[silent[0]], 1, 'epoll'])
  expect(sys.fcntl(backendFd, sys.F_GETFD, 0), 'the old instance is closed').toBe(-sys.EBADF)
  for (const fd of [duplicate, duplicated[1], silent[1], ...alive]) sys.close(fd)
})

/** A number under which a registration lives on, in a duplicate that is returned, after the descriptor was closed. */
function orphan(fds: FdTable, handlers: FdHandlers): { duplicate: number; writer: number; fd: number } {
  const [fd, writer] = pipe()
  sys.write(writer, new Uint8Array(1))
  fds.set(fd, handlers)
  const duplicate = sys.check(sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 0), 'fcntl')
  sys.close(fd)
  return { duplicate, writer, fd }
}

test('F8: made anew, it reports what has become of other numbers after all is watched again, whatever the reports do', () => {
  const closed: number[] = []
  const late = pipe()
  using fds: FdTable = new FdTable(epollMonitor(), (handler) => {
    closed.push(handler.fd)
    if (closed.length === 1) fds.set(late[0], { read: () => void reads++ })
    throw new Error('reported')
  })
  const [asFile, asOther, alive, last] = [pipe(), pipe(), pipe(), pipe()]
  let reads = 0
  for (const [reader] of [asFile, asOther, alive, last]) fds.set(reader, { read: () => void reads++ })
  const { duplicate, writer, fd } = orphan(fds, { read: () => expect.fail('called for another file') })
  fds.remove(fd)
  // One number is a regular file by now, which epoll refuses; one is another pipe, which it would take.
  sys.close(asFile[0])
  const file = regularFile()
  sys.close(asOther[0])
  const other = pipe()
  expect([file, other[0]]).toEqual([asFile[0], asOther[0]])
  for (const end of [other[1], alive[1], last[1], late[1]]) sys.write(end, new Uint8Array(1))
  expect(() => fds.wait(0)).toThrow('reported')
  fds.wait(0)
  fds.dispatch()
  expect([closed.sort(), reads, fds.monitor.name]).toEqual([[file, other[0]].sort(), 3, 'epoll'])
  for (const one of [duplicate, writer, file, asFile[1], asOther[1], ...other, ...alive, ...last, ...late])
    sys.close(one)
})

test('F8: of thousands, one that a duplicate keeps reporting is found among those that are reported', () => {
  const closed: number[] = []
  using fds = new FdTable(epollMonitor(), (handler) => closed.push(handler.fd))
  const silent = Array.from({ length: 2000 }, () => sys.check(sys.eventfd(0, sys.EFD_CLOEXEC), 'eventfd'))
  for (const one of silent) fds.set(one, { read() {} })
  let calls = 0
  const { duplicate, writer, fd } = orphan(fds, { read: () => void calls++ })
  for (let i = 0; i < 200; i++) {
    fds.wait(0)
    fds.dispatch()
  }
  expect([closed, calls <= 128]).toEqual([[fd], true])
  for (const one of [...silent, duplicate, writer]) sys.close(one)
})

test('F8: an event of a registration that is gone calls nobody, also when its place has been taken', () => {
  using fds = new FdTable(epollMonitor(), () => {})
  const { duplicate, writer, fd } = orphan(fds, { read: () => expect.fail('removed') })
  fds.remove(fd)
  const quiet = pipe()
  fds.set(quiet[0], { read: () => expect.fail('nothing to read') })
  fds.wait(0)
  expect(fds.dispatch()).toBe(false)
  for (const one of [duplicate, writer, ...quiet]) sys.close(one)
})

test('M1: a host loop must not block while something is ready that epoll cannot watch', () => {
  using fds = new FdTable(epollMonitor(), () => {})
  const file = regularFile()
  fds.set(file, { read() {} })
  expect(fds.monitor.prepare()).toBe(true)
  fds.remove(file)
  expect(fds.monitor.prepare()).toBe(false)
  sys.close(file)
})

test('F3: two epoll instances that would watch each other are refused, not a reason to fall back', () => {
  using one = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
  using two = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
  one.set(two.monitor.backendFd, { read() {} })
  expect(() => two.set(one.monitor.backendFd, { read() {} })).toThrow(
    expect.objectContaining({ code: 'ELOOP' }),
  )
  expect(two.monitor.name).toBe('epoll')
})

test('X3: options that make no sense are refused', () => {
  for (const options of [null, 5, { fallback: 'poll' }])
    expect(() => epollMonitor(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
})

test('M3: when its descriptor is lost it goes on with the fallback, with everything that it watched', () => {
  using fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
  const [reader, writer] = pipe()
  const file = regularFile()
  const seen: string[] = []
  fds.set(reader, { read: () => void seen.push('pipe') })
  fds.set(file, { write: () => void seen.push('file') })
  sys.write(writer, new Uint8Array(1))
  sys.close(fds.monitor.backendFd)
  fds.wait(0)
  fds.dispatch()
  expect(seen.sort()).toEqual(['file', 'pipe'])
  expect(fds.monitor.name).toBe('poll')
  expect(fds.fallback).toMatchObject({ code: 'EBADF', syscall: 'epoll_wait' })
  for (const fd of [reader, writer, file]) sys.close(fd)
})

test('M3: its descriptor is lost, which shows at a registration: the new descriptor is not to blame', () => {
  using fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => expect.fail('nothing was closed'))
  const [one, other] = [pipe(), pipe()]
  fds.set(one[0], { read() {} })
  sys.close(fds.monitor.backendFd)
  fds.set(one[0], { read() {}, write() {} })
  fds.set(other[0], { read() {} })
  expect([fds.monitor.name, fds.fallback]).toMatchObject(['poll', { code: 'EBADF', syscall: 'epoll_ctl' }])
  for (const fd of [...one, ...other]) sys.close(fd)
})

test('M3: a number of its own that belongs to something else by now is not closed with it', () => {
  using fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
  const { backendFd } = fds.monitor
  sys.close(backendFd)
  const innocent = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC), 'eventfd')
  expect(innocent).toBe(backendFd)
  fds.wait(0)
  expect([fds.monitor.name, sys.fcntl(innocent, sys.F_GETFD, 0)]).toEqual(['poll', sys.FD_CLOEXEC])
  sys.close(innocent)
})

test('M3: without a fallback the failure is the caller’s to hear', () => {
  using fds = new FdTable(epollMonitor(), () => {})
  sys.close(fds.monitor.backendFd)
  expect(() => fds.wait(0)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'epoll_wait' }))
})

test('F3: an epoll instance that would watch itself is refused, not a reason to fall back', () => {
  using fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
  expect(() => fds.set(fds.monitor.backendFd, { read() {} })).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  )
  expect(fds.monitor.name).toBe('epoll')
})

describe.skipIf(!hasCommand('strace'))('with a kernel that refuses (needs strace)', () => {
  const run = (inject: string, trace: string, body: string) => {
    const script = `
      import { FdTable } from '@aiokit/fdmon'
      import * as sys from '@aiokit/sys'
      import { epollMonitor } from ${JSON.stringify(entry)}
      import { pollMonitor } from '@aiokit/fdmon-poll'
      const fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
      const fd = sys.eventfd(1, sys.EFD_CLOEXEC)
      ${body}`
    // The system calls as strace shows them are on standard error.
    const under = ['strace', '-qq', '-e', `trace=${trace}`, '-e', `inject=${inject}`]
    const { stdout, stderr } = runScript(script, { cwd: folder, under })
    return { calls: stderr, ...(stdout ? JSON.parse(stdout) : {}) }
  }

  test('M3: without epoll_pwait2 it waits in milliseconds, rounded up', () => {
    const result = run(
      'epoll_pwait2:error=ENOSYS',
      'epoll_wait,epoll_pwait2',
      `for (const timeout of [1, 3_000_000, 3_000_001]) fds.wait(timeout)
       fds.set(fd, { read() {} })
       fds.wait(-1)
       console.log(JSON.stringify({ ready: fds.hasReady, name: fds.monitor.name }))`,
    )
    expect(result).toMatchObject({ ready: true, name: 'epoll' })
    const timeouts = [...result.calls.matchAll(/epoll_wait\(.*, 128, (-?\d+)\) += /g)].map((match) =>
      Number(match[1]),
    )
    expect(timeouts).toEqual([1, 3, 4, -1])
  })

  test('M3: out of the user’s watches, it goes on with the fallback', () => {
    const result = run(
      // Node's own loop adds descriptors as well: only the calls after its start are refused.
      'epoll_ctl:error=ENOSPC:when=40+',
      'epoll_ctl',
      `const eventfds = Array.from({ length: 60 }, () => sys.eventfd(1, sys.EFD_CLOEXEC))
       let reads = 0
       for (const one of eventfds) fds.set(one, { read() { reads++ } })
       fds.wait(0)
       fds.dispatch()
       console.log(JSON.stringify({ name: fds.monitor.name, code: fds.fallback.code, syscall: fds.fallback.syscall, reads }))`,
    )
    expect(result).toMatchObject({ name: 'poll', code: 'ENOSPC', syscall: 'epoll_ctl', reads: 60 })
  })
})
