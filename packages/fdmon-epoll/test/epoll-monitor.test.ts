import { fileURLToPath } from 'node:url'
import { FdTable } from '@aiokit/fdmon'
import { pollMonitor } from '@aiokit/fdmon-poll'
import * as sys from '@aiokit/sys'
import { hasCommand, pipe, regularFile, runScript, testInterruption, testMonitor } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { epollMonitor } from '../src/index.ts'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const folder = fileURLToPath(new URL('..', import.meta.url))

testMonitor('epoll', epollMonitor())
testMonitor('epoll', epollMonitor({ fallback: pollMonitor() }))
testInterruption('epoll_pwait2', 'monitor.epollMonitor()', entry)

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
  const run = (inject: string, body: string) => {
    const script = `
      import { FdTable } from '@aiokit/fdmon'
      import * as sys from '@aiokit/sys'
      import { epollMonitor } from ${JSON.stringify(entry)}
      import { pollMonitor } from '@aiokit/fdmon-poll'
      const fds = new FdTable(epollMonitor({ fallback: pollMonitor() }), () => {})
      const fd = sys.eventfd(1, sys.EFD_CLOEXEC)
      ${body}`
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${inject}`]
    const { stdout, stderr } = runScript(script, { cwd: folder, under })
    return stdout ? JSON.parse(stdout) : stderr
  }

  test('M3: without epoll_pwait2 it waits in milliseconds, rounded up', () => {
    const result = run(
      'epoll_pwait2:error=ENOSYS',
      `const start = sys.monotonicNs()
       fds.wait(300_000)
       const took = sys.monotonicNs() - start
       fds.set(fd, { read() {} })
       fds.wait(-1)
       console.log(JSON.stringify({ took, ready: fds.hasReady, name: fds.monitor.name }))`,
    )
    expect(result).toMatchObject({ ready: true, name: 'epoll' })
    expect(result.took).toBeGreaterThanOrEqual(300_000)
  })

  test('M3: out of the user’s watches, it goes on with the fallback', () => {
    const result = run(
      // Node's own loop adds descriptors as well: only the calls after its start are refused.
      'epoll_ctl:error=ENOSPC:when=40+',
      `const eventfds = Array.from({ length: 60 }, () => sys.eventfd(1, sys.EFD_CLOEXEC))
       let reads = 0
       for (const one of eventfds) fds.set(one, { read() { reads++ } })
       fds.wait(0)
       fds.dispatch()
       console.log(JSON.stringify({ name: fds.monitor.name, code: fds.fallback.code, syscall: fds.fallback.syscall, reads }))`,
    )
    expect(result).toEqual({ name: 'poll', code: 'ENOSPC', syscall: 'epoll_ctl', reads: 60 })
  })
})
