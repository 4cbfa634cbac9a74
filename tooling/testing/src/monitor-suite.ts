import path from 'node:path'
import { type FdMonitorFactory, FdTable, HUP, IN } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasCommand, runScript } from './child.ts'
import { fill, openDescriptors, pipe, readAll, regularFile, socketPair } from './descriptors.ts'

/** A table that fails the test if it hears of a closed descriptor. */
function table(factory: FdMonitorFactory): FdTable {
  return new FdTable(factory, (handler) => {
    throw new Error(`descriptor ${handler.fd} was reported as closed`)
  })
}

/** One look without waiting, and everything it finds dispatched. */
function look(fds: FdTable): boolean {
  fds.wait(0)
  return fds.dispatch()
}

/**
 * What must hold of any file descriptor monitor, used without an AioContext (rules F and M). Each monitor's package
 * runs it on its own factory.
 */
export function testMonitor(name: string, factory: FdMonitorFactory): void {
  describe(`${name} as any monitor`, () => {
    test('M1: it has a name, counts its system calls, and has no news at the start', () => {
      using fds = table(factory)
      expect(fds.monitor.name).toBe(name)
      expect(fds.monitor.needWait()).toBe(false)
      const before = fds.systemCalls
      look(fds)
      // At most: one that sees from userspace that there is nothing makes none.
      expect(fds.systemCalls - before).toBeLessThanOrEqual(1)
    })

    test('M1: a host loop prepares, checks and collects', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      let reads = 0
      fds.set(reader, { read: () => void reads++ })
      expect(fds.monitor.prepare()).toBe(false)
      sys.write(writer, new Uint8Array(1))
      expect(fds.monitor.check()).toBe(true)
      fds.collect()
      expect([reads, fds.dispatch(), reads]).toEqual([0, true, 1])
      for (const fd of [reader, writer]) sys.close(fd)
    })

    test('M1: a host loop that sleeps is woken by what happens meanwhile, once for each', () => {
      using fds = table(factory)
      const { monitor } = fds
      if (monitor.backendFd < 0) return
      // The kernel's own doing: nothing in this process can wake it in passing.
      const timer = sys.check(sys.timerfdCreate(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC), 'timerfd_create')
      let reads = 0
      fds.set(timer, {
        read() {
          reads++
          sys.read(timer, new BigUint64Array(1))
        },
      })
      const host = sys.check(sys.epollCreate1(sys.EPOLL_CLOEXEC), 'epoll_create1')
      const events = new Uint8Array(sys.EPOLL_EVENT_SIZE)
      let watched = -1
      for (let i = 1; i <= 3; i++) {
        sys.check(sys.timerfdSettime(timer, 0, 1e6, 0), 'timerfd_settime')
        // What was prepared for before is over: the second look finds nothing.
        while (monitor.prepare()) look(fds)
        const fd = monitor.hostFd ?? monitor.backendFd
        if (fd !== watched)
          sys.check(sys.epollCtl(host, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN, fd, 0), 'epoll_ctl')
        watched = fd
        if (reads < i) {
          let found: number
          // As every host loop does.
          do found = sys.epollWait(host, events, 1, 10_000)
          while (found === -sys.EINTR)
          expect([found, monitor.check()]).toEqual([1, true])
        }
        fds.collect()
        fds.dispatch()
        expect(reads).toBe(i)
        expect([monitor.prepare(), sys.epollWait(host, events, 1, 0)]).toEqual([false, 0])
      }
      for (const fd of [host, timer]) sys.close(fd)
    })

    test('F1: a condition that is not consumed is reported again', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      let reads = 0
      fds.set(reader, { read: () => void reads++ })
      sys.write(writer, new Uint8Array(10))
      for (let i = 1; i <= 3; i++) expect([look(fds), reads]).toEqual([true, i])
      readAll(reader)
      expect([look(fds), reads]).toEqual([false, 3])
      for (const fd of [reader, writer]) sys.close(fd)
    })

    test('F2: read runs on data, on hang-up and on error; write on room and on error; each if registered', () => {
      using fds = table(factory)
      const seen: string[] = []
      const reading = { read: () => void seen.push('read') }
      const both = { ...reading, write: () => void seen.push('write') }
      const on = (fd: number, handlers: typeof reading) => {
        seen.length = 0
        fds.set(fd, handlers)
        look(fds)
        fds.remove(fd)
        return seen.join()
      }
      const [a, b] = socketPair()
      expect(on(a, reading)).toBe('')
      expect(on(a, both)).toBe('write')
      sys.write(b, new Uint8Array(1))
      expect(on(a, both)).toBe('read,write')
      fill(a)
      expect(on(a, both)).toBe('read')
      readAll(a)
      expect(on(a, both)).toBe('')
      sys.close(b)
      expect(on(a, reading), 'hang-up').toBe('read')
      const [reader, writer] = pipe()
      fill(writer)
      sys.close(reader)
      expect(on(writer, { write: both.write } as never), 'error').toBe('write')
      expect(on(writer, both), 'error').toBe('read,write')
      for (const fd of [a, writer]) sys.close(fd)
    })

    test('F2: the end of a pipe is read, with nothing but a hang-up to tell', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      let reads = 0
      const handler = fds.set(reader, { read: () => void reads++ })
      sys.close(writer)
      expect(look(fds)).toBe(true)
      expect([reads, handler.events & ~IN & ~HUP]).toEqual([1, 0])
      sys.close(reader)
    })

    test('F3: a bad descriptor is refused at registration, and nothing has changed', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      sys.close(reader)
      const register = () => fds.set(reader, { read() {} })
      expect(register).toThrow(
        expect.objectContaining({ code: 'EBADF', errno: -sys.EBADF, syscall: expect.any(String) }),
      )
      expect(register).toThrow(String(reader))
      expect(look(fds)).toBe(false)
      sys.close(writer)
    })

    test('F1, F4: replaced handlers take over what is watched, removed ones are silent', () => {
      using fds = table(factory)
      const [a, b] = socketPair()
      const seen: string[] = []
      fds.set(a, { write: () => void seen.push('write') })
      fds.set(a, { read: () => void seen.push('read') })
      look(fds)
      expect(seen).toEqual([])
      sys.write(b, new Uint8Array(1))
      look(fds)
      expect(seen).toEqual(['read'])
      fds.remove(a)
      fds.remove(a)
      expect([look(fds), seen.length]).toEqual([false, 1])
      fds.set(a, { read: () => void seen.push('again') })
      look(fds)
      expect(seen).toEqual(['read', 'again'])
      for (const fd of [a, b]) sys.close(fd)
    })

    test('F4: a handler that was found ready and is removed before its turn is not called', () => {
      using fds = table(factory)
      const pipes = [pipe(), pipe(), pipe()]
      const called: number[] = []
      for (const [reader, writer] of pipes) {
        sys.write(writer, new Uint8Array(1))
        fds.set(reader, {
          read() {
            called.push(reader)
            // Whichever is first removes the others, itself included.
            for (const [other] of pipes) fds.remove(other)
          },
        })
      }
      expect(look(fds)).toBe(true)
      expect(called.length).toBe(1)
      expect(look(fds)).toBe(false)
      for (const fd of pipes.flat()) sys.close(fd)
    })

    test('F2: write is not called if read has removed the handler', () => {
      using fds = table(factory)
      const [a, b] = socketPair()
      sys.write(b, new Uint8Array(1))
      const seen: string[] = []
      fds.set(a, {
        read() {
          seen.push('read')
          fds.remove(a)
        },
        write: () => void seen.push('write'),
      })
      look(fds)
      expect(seen).toEqual(['read'])
      for (const fd of [a, b]) sys.close(fd)
    })

    test('F7: regular files are always ready, beside descriptors that are not', () => {
      using fds = table(factory)
      const file = regularFile()
      const [reader, writer] = pipe()
      const seen: string[] = []
      fds.set(reader, { read: () => void seen.push('pipe') })
      fds.set(file, { read: () => void seen.push('file') })
      // For ever: a file that is ready keeps it from blocking.
      for (let i = 0; i < 3; i++) {
        fds.wait(-1)
        expect(fds.dispatch()).toBe(true)
      }
      expect(seen).toEqual(['file', 'file', 'file'])
      sys.write(writer, new Uint8Array(1))
      look(fds)
      expect(seen.slice(3).sort()).toEqual(['file', 'pipe'])
      seen.length = 0
      fds.set(file, { read: () => void seen.push('read'), write: () => void seen.push('write') })
      fds.remove(reader)
      look(fds)
      expect(seen).toEqual(['read', 'write'])
      fds.remove(file)
      expect(look(fds)).toBe(false)
      for (const fd of [file, reader, writer]) sys.close(fd)
    })

    test('F8: a descriptor that was closed unregistered is dropped and named; its number works again', () => {
      const closed: number[] = []
      using fds = new FdTable(factory, (handler) => closed.push(handler.fd))
      const [reader, writer] = pipe()
      let reads = 0
      fds.set(reader, { read: () => void reads++ })
      sys.close(reader)
      // Noticed at once or after a number of waits, but noticed.
      for (let i = 0; i < 200 && closed.length === 0; i++) expect(look(fds)).toBe(false)
      expect([closed, reads]).toEqual([[reader], 0])
      const [again, other] = pipe()
      expect([again, other]).toContain(reader)
      fds.set(again, { read: () => void reads++ })
      sys.write(other, new Uint8Array(1))
      expect([look(fds), reads]).toEqual([true, 1])
      expect(closed).toEqual([reader])
      for (const fd of [writer, again, other]) sys.close(fd)
    })

    test('F8: a regular file that was closed unregistered is dropped and named, and its closed number is refused', () => {
      const closed: number[] = []
      using fds = new FdTable(factory, (handler) => closed.push(handler.fd))
      const file = regularFile()
      let reads = 0
      fds.set(file, { read: () => void reads++ })
      expect([look(fds), reads]).toEqual([true, 1])
      sys.close(file)
      look(fds)
      expect([closed, reads, look(fds)]).toEqual([[file], 1, false])
      const another = regularFile()
      fds.set(another, { read() {} })
      sys.close(another)
      expect(() => fds.set(another, { read() {} })).toThrow(expect.objectContaining({ code: 'EBADF' }))
    })

    test('F8: who hears of a closed descriptor may change what is watched', () => {
      const pipes = Array.from({ length: 4 }, pipe)
      let reads = 0
      using fds: FdTable = new FdTable(factory, () => {
        fds.remove(pipes[1]![0])
        fds.set(pipes[3]![0], { read: () => void reads++ })
      })
      for (const [reader, writer] of pipes) sys.write(writer, new Uint8Array(reader > 0 ? 1 : 0))
      for (const [reader] of pipes.slice(0, 3)) fds.set(reader, { read: () => void reads++ })
      sys.close(pipes[0]![0])
      for (let i = 0; i < 600; i++) look(fds)
      reads = 0
      look(fds)
      expect(reads).toBe(2)
      for (const fd of pipes.flat().slice(1)) sys.close(fd)
    })

    test('F8: the number is registered again before the loss was noticed', () => {
      using fds = new FdTable(factory, () => {})
      const [reader, writer] = pipe()
      const seen: string[] = []
      fds.set(reader, { read: () => void seen.push('old') })
      sys.write(writer, new Uint8Array(1))
      sys.close(reader)
      const [again, other] = pipe()
      expect(again).toBe(reader)
      fds.set(again, { read: () => void seen.push('new') })
      look(fds)
      expect(seen).toEqual([])
      sys.write(other, new Uint8Array(1))
      look(fds)
      expect(seen).toEqual(['new'])
      for (const fd of [writer, again, other]) sys.close(fd)
    })

    test('F8: a duplicate that lives on neither spins nor calls anybody', () => {
      using fds = new FdTable(factory, () => {})
      const [reader, writer] = pipe()
      let reads = 0
      fds.set(reader, { read: () => void reads++ })
      const duplicate = sys.check(sys.fcntl(reader, sys.F_DUPFD_CLOEXEC, 0), 'fcntl')
      sys.write(writer, new Uint8Array(1))
      sys.close(reader)
      fds.remove(reader)
      expect(reads).toBe(0)
      look(fds)
      look(fds)
      // By now a wait blocks until its timeout, and is not woken by what the duplicate still has.
      const start = sys.monotonicNs()
      fds.wait(2e6)
      expect(sys.monotonicNs() - start).toBeGreaterThanOrEqual(2e6)
      expect([fds.dispatch(), reads]).toEqual([false, 0])
      for (const fd of [duplicate, writer]) sys.close(fd)
    })

    test('F8: a duplicate takes the number of its closed original', () => {
      using fds = new FdTable(factory, () => {})
      const [reader, writer] = pipe()
      const seen: string[] = []
      fds.set(reader, { read: () => void seen.push('old') })
      const duplicate = sys.check(sys.fcntl(reader, sys.F_DUPFD_CLOEXEC, 0), 'fcntl')
      sys.close(reader)
      fds.remove(reader)
      const again = sys.check(sys.fcntl(duplicate, sys.F_DUPFD_CLOEXEC, reader), 'fcntl')
      expect(again).toBe(reader)
      fds.set(again, { read: () => void seen.push('new') })
      sys.write(writer, new Uint8Array(1))
      look(fds)
      expect(seen).toEqual(['new'])
      for (const fd of [duplicate, writer, again]) sys.close(fd)
    })

    test('F10: one that is always ready does not keep the others from running, however many there are', () => {
      using fds = table(factory)
      const pipes = Array.from({ length: 300 }, pipe)
      const counts = new Map<number, number>()
      for (const [reader, writer] of pipes) {
        sys.write(writer, new Uint8Array(1))
        fds.set(reader, { read: () => void counts.set(reader, (counts.get(reader) ?? 0) + 1) })
      }
      const rounds = 30
      for (let i = 0; i < rounds; i++) look(fds)
      const least = Math.min(...pipes.map(([reader]) => counts.get(reader) ?? 0))
      const most = Math.max(...counts.values())
      expect(least).toBeGreaterThan(0)
      expect(most - least).toBeLessThanOrEqual(rounds / 2)
      for (const fd of pipes.flat()) sys.close(fd)
    })

    test('M2, M3: a timeout is kept, is never short, and 0 does not block', () => {
      using fds = table(factory)
      for (const timeout of [1, 1000, 400_000, 1_500_000, 20_000_000]) {
        const start = sys.monotonicNs()
        fds.wait(timeout)
        expect(sys.monotonicNs() - start).toBeGreaterThanOrEqual(timeout)
      }
      fds.wait(0)
    })

    test('M2: any number of descriptors, in any order of coming and going', () => {
      fc.assert(
        fc.property(
          fc.array(fc.record({ which: fc.nat(299), on: fc.boolean(), write: fc.boolean() }), {
            maxLength: 600,
            size: 'max',
          }),
          (steps) => {
            using fds = table(factory)
            const watched = new Map<number, string>()
            const seen = new Map<number, string>()
            for (const { which, on, write } of steps) {
              const fd = duplicates[which]!
              if (on) {
                fds.set(
                  fd,
                  write
                    ? { write: () => void seen.set(fd, 'write') }
                    : { read: () => void seen.set(fd, 'read') },
                )
                watched.set(fd, write ? 'write' : 'read')
              } else {
                fds.remove(fd)
                watched.delete(fd)
              }
            }
            // More than one look, where one wait fetches a limited number.
            for (let i = 0; i < 4; i++) look(fds)
            expect(new Map([...seen].sort())).toEqual(new Map([...watched].sort()))
          },
        ),
        { numRuns: 20 },
      )
    })
    // Both directions of a socket that is always ready, under 300 numbers.
    const [ready, peer] = socketPair()
    sys.write(peer, new Uint8Array(1))
    const duplicates = Array.from({ length: 300 }, () =>
      sys.check(sys.fcntl(ready, sys.F_DUPFD_CLOEXEC, 0), 'fcntl'),
    )

    test('X5, X6: its descriptors are close-on-exec, and closing it returns them', () => {
      const before = openDescriptors()
      for (let i = 0; i < 1000; i++) {
        const fds = table(factory)
        const { backendFd } = fds.monitor
        if (i === 0 && backendFd >= 0) expect(sys.fcntl(backendFd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
        fds.close()
        fds.close()
      }
      expect(openDescriptors()).toBe(before)
    })

    test('X3: a getter of the handlers that sets the same descriptor itself leaves one handler, which can be removed', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      sys.write(writer, new Uint8Array(1))
      const seen: string[] = []
      const hostile = {
        get read() {
          fds.set(reader, { read: () => void seen.push('inner') })
          return () => void seen.push('outer')
        },
      }
      fds.set(reader, hostile)
      look(fds)
      expect(seen).toEqual(['outer'])
      fds.remove(reader)
      expect(look(fds)).toBe(false)
      for (const fd of [reader, writer]) sys.close(fd)
    })

    test('X6: registering and removing again and again keeps nothing', () => {
      using fds = table(factory)
      const [reader, writer] = pipe()
      const cycle = (times: number) => {
        for (let i = 0; i < times; i++) {
          fds.set(reader, { read() {} })
          fds.set(writer, { write() {} })
          fds.remove(reader)
          fds.remove(writer)
        }
        globalThis.gc?.()
        return process.memoryUsage().heapUsed
      }
      const before = cycle(1000)
      // A word kept for each would be 2.4 MB.
      expect(cycle(150_000) - before).toBeLessThan(1_000_000)
      for (const fd of [reader, writer]) sys.close(fd)
    })

    test('X1: a callback that throws leaves the rest to the next dispatch, each once', () => {
      using fds = table(factory)
      const pipes = Array.from({ length: 5 }, pipe)
      const called: number[] = []
      for (const [reader, writer] of pipes) {
        sys.write(writer, new Uint8Array(1))
        fds.set(reader, {
          read() {
            called.push(reader)
            readAll(reader)
            if (called.length === 2) throw new Error('second')
          },
        })
      }
      fds.wait(0)
      expect(() => fds.dispatch()).toThrow('second')
      expect([called.length, fds.hasReady]).toEqual([2, true])
      look(fds)
      expect([...called].sort()).toEqual(pipes.map(([reader]) => reader).sort())
      for (const fd of pipes.flat()) sys.close(fd)
    })
  })
}

/**
 * What must hold when signals interrupt the monitor's waiting system call: `syscall`, as strace names it (several with commas).
 *
 * @param make an expression for the factory, with `monitor` as the namespace of the package in `cwd`
 */
export function testInterruption(syscall: string, make: string, cwd: string): void {
  describe.skipIf(!hasCommand('strace'))(`${syscall} interrupted by signals (needs strace)`, () => {
    const script = (timeout: number) => `
      import { FdTable } from '@aiokit/fdmon'
      import * as sys from '@aiokit/sys'
      import * as monitor from ${JSON.stringify(cwd)}
      const fds = new FdTable(${make}, () => {})
      const fd = sys.eventfd(${timeout < 0 ? 1 : 0}, sys.EFD_CLOEXEC)
      fds.set(fd, { read() {} })
      const calls = fds.systemCalls
      const start = sys.monotonicNs()
      fds.wait(${timeout})
      console.log(JSON.stringify({ took: sys.monotonicNs() - start, calls: fds.systemCalls - calls, ready: fds.hasReady }))`
    const run = (timeout: number) => {
      const inject = `inject=${syscall}:error=EINTR:when=1..3`
      const { stdout, stderr } = runScript(script(timeout), {
        cwd: path.dirname(path.dirname(cwd)),
        // Only the thread that waits for us calls it; libuv's own waits are another system call or come later.
        under: ['strace', '-qq', '-o', '/dev/null', '-e', `trace=${syscall}`, '-e', inject],
      })
      return JSON.parse(stdout || `{"stderr":${JSON.stringify(stderr)}}`)
    }

    test('M5: the wait goes on for what is left of the timeout', () => {
      const { took, calls, ready } = run(30_000_000)
      expect(ready).toBe(false)
      expect(calls).toBe(4)
      expect(took).toBeGreaterThanOrEqual(30_000_000)
    })

    test('M5: a wait without a timeout goes on until something is ready', () => {
      expect(run(-1)).toMatchObject({ calls: 4, ready: true })
    })
  })
}
