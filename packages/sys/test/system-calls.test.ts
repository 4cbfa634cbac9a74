import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import * as sys from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-sys-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('N7: an eventfd is set and taken, also when its counter is full', () => {
  const fd = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK), 'eventfd')
  expect(sys.eventfdRead(fd)).toBe(-sys.EAGAIN)
  expect(sys.eventfdWrite(fd)).toBe(0)
  expect(sys.eventfdWrite(fd)).toBe(0)
  expect(sys.eventfdRead(fd)).toBe(2)
  expect(sys.eventfdRead(fd)).toBe(-sys.EAGAIN)
  sys.check(sys.write(fd, new BigUint64Array([0xffff_ffff_ffff_fffen])), 'write')
  expect(sys.eventfdWrite(fd)).toBe(-sys.EAGAIN)
  expect(sys.eventfdRead(fd)).toBe(0xffff_fffe)
  sys.close(fd)
})

test('N7: what is added to an eventfd is 1, or a value', () => {
  const fd = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK), 'eventfd')
  expect(sys.eventfdWrite(fd)).toBe(0)
  expect(sys.eventfdWrite(fd, 2 ** 33 + 4)).toBe(0)
  const counter = new BigUint64Array(1)
  expect(sys.read(fd, counter)).toBe(8)
  expect(counter[0]).toBe(2n ** 33n + 5n)
  expect(sys.eventfdWrite(fd, 2 ** 32)).toBe(0)
  expect(sys.eventfdRead(fd)).toBe(0)
  expect(sys.eventfdRead(fd)).toBe(-sys.EAGAIN)
  for (const value of [-1, 0.5, Number.NaN, 2 ** 53, '1', null])
    expect(sys.eventfdWrite(fd, value as number)).toBe(-sys.EINVAL)
  sys.close(fd)
})

test('X6: a duplicate is the thread’s own, and closed with it', async () => {
  const fds = new Int32Array(2)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
  const [reader = -1, writer = -1] = fds
  const path = JSON.stringify(sys.nativePath)
  const worker = new Worker(
    `const native = { exports: {} }
    process.dlopen(native, ${path})
    const { parentPort } = require('node:worker_threads')
    parentPort.postMessage(native.exports.duplicate(${writer}))
    for (;;);`,
    { eval: true },
  )
  const [duplicate] = await once(worker, 'message')
  expect(sys.fcntl(duplicate, sys.F_GETFD, 0)).toBe(1)
  sys.close(writer)
  await worker.terminate()
  // Hung up: nobody has the other end any more.
  expect(sys.read(reader, new Uint8Array(1))).toBe(0)
  sys.close(reader)
  expect(sys.duplicate(reader)).toBe(-sys.EBADF)
})

test('a pipe carries bytes, fills up, and ends', () => {
  const fds = new Int32Array(32)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC | sys.O_NONBLOCK), 'pipe2')
  const [reader = -1, writer = -1] = fds
  const size = sys.check(sys.fcntl(writer, sys.F_SETPIPE_SZ, 4096), 'fcntl')
  expect(sys.write(writer, new Uint8Array(2 * size))).toBe(size)
  expect(sys.write(writer, new Uint8Array(1))).toBe(-sys.EAGAIN)
  expect(sys.read(reader, new Uint8Array(2 * size))).toBe(size)
  sys.close(writer)
  expect(sys.read(reader, new Uint8Array(1))).toBe(0)
  sys.close(reader)
})

test('views are written and read one after the other, at a position or without, and without blocking', () => {
  const fds = new Int32Array(32)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
  const [reader = -1, writer = -1] = fds
  const [first, last] = [Buffer.alloc(2), Buffer.alloc(9)]
  // Before Linux 6.5 the kernel cannot tell of a pipe.
  expect([-sys.EAGAIN, -sys.EOPNOTSUPP]).toContain(sys.preadv2(reader, [first], -1, sys.RWF_NOWAIT))
  expect(sys.pwritev2(writer, [Buffer.from('abc'), new Uint8Array(0), Buffer.from('de')], -1, 0)).toBe(5)
  expect(sys.preadv2(reader, [first, new DataView(last.buffer, last.byteOffset, 9)], -1, 0)).toBe(5)
  expect(`${first}${last.toString('latin1', 0, 3)}`).toBe('abcde')
  expect(sys.preadv2(reader, [first], 0, 0)).toBe(-sys.ESPIPE)
  expect(sys.preadv2(reader, [], -1, 0)).toBe(0)
  for (const fd of [reader, writer]) sys.close(fd)
  const file = openSync(path.join(folder, 'vectors'), 'w+')
  expect(sys.pwritev2(file, [Buffer.from('abc'), Buffer.from('de')], 5 * 2 ** 30, 0)).toBe(5)
  expect(sys.preadv2(file, [first, last], 5 * 2 ** 30 + 2, 0)).toBe(3)
  expect(`${first}${last.toString('latin1', 0, 1)}`).toBe('cde')
  closeSync(file)
})

test('a message is sent from several views and received into several', () => {
  const fds = new Int32Array(32)
  sys.check(sys.socketpair(sys.AF_UNIX, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0, fds), 'socketpair')
  const [a = -1, b = -1] = fds
  const [first, last] = [Buffer.alloc(2), Buffer.alloc(9)]
  expect(sys.recvmsg(b, [first], sys.MSG_DONTWAIT)).toBe(-sys.EAGAIN)
  expect(sys.sendmsg(a, [Buffer.from('abc'), Buffer.from('de')], 0)).toBe(5)
  expect(sys.sendmsg(a, [], 0)).toBe(0)
  expect(sys.recvmsg(b, [first, last], 0)).toBe(5)
  expect(`${first}${last.toString('latin1', 0, 3)}`).toBe('abcde')
  expect(sys.recvmsg(b, [first], 0)).toBe(0)
  sys.close(b)
  // And no SIGPIPE.
  expect(sys.sendmsg(a, [first], 0)).toBe(-sys.ECONNREFUSED)
  sys.close(a)
})

test('a file is read and written at positions beyond 4 GiB, and its holes are found', () => {
  const fd = openSync(path.join(folder, 'sparse'), 'w+')
  const far = 5 * 2 ** 30
  const data = Uint8Array.from({ length: 4096 }, (_, i) => i)
  expect(sys.pwrite(fd, data, 96, 4000, far)).toBe(4000)
  expect(sys.lseek(fd, 0, sys.SEEK_END)).toBe(far + 4000)
  const back = new Uint8Array(4096)
  expect(sys.pread(fd, back, 10, 4000, far)).toBe(4000)
  expect(back.subarray(10, 4010)).toEqual(data.subarray(96))
  expect(sys.pread(fd, back, 0, 4096, far + 4000)).toBe(0)
  const hole = sys.lseek(fd, 0, sys.SEEK_HOLE)
  expect([0, far + 4000]).toContain(hole) // a file system without holes says that the end is one
  if (hole === 0) expect(sys.lseek(fd, 0, sys.SEEK_DATA)).toBe(far)
  expect(sys.fsync(fd)).toBe(0)
  expect(sys.fdatasync(fd)).toBe(0)
  const allocated = sys.fallocate(fd, sys.FALLOC_FL_KEEP_SIZE, 0, 65_536)
  expect([0, -95]).toContain(allocated) // EOPNOTSUPP on some file systems
  closeSync(fd)
})

test('a piece of memory is read into and written from by its address, at any position or the file’s own', () => {
  const fd = openSync(path.join(folder, 'pieces'), 'w+')
  const far = 5 * 2 ** 30
  const memory = new Uint8Array(new SharedArrayBuffer(4096)).fill(7)
  const pieces = new Float64Array(5)
  pieces.set([sys.addressOf(memory) + 96, 1000], 2)
  expect(sys.pwritePiece(fd, pieces, 16, far, 0)).toBe(1000)
  expect(sys.pwritePiece(fd, pieces, 16, -1, 0)).toBe(1000)
  expect(sys.pwritePiece(fd, pieces, 16, -1, 0)).toBe(1000)
  expect(sys.lseek(fd, 0, sys.SEEK_CUR)).toBe(2000)
  memory.fill(0)
  expect(sys.preadPiece(fd, pieces, 16, far + 100, 0)).toBe(900)
  expect(memory.findIndex((byte) => byte !== 0)).toBe(96)
  expect(memory.lastIndexOf(7)).toBe(995)
  expect(sys.preadPiece(fd, pieces, 16, far + 1000, 0)).toBe(0)
  expect(sys.preadPiece(fd, pieces, 16, 0, 1 << 30)).toBe(-95) // EOPNOTSUPP: no such flag
  for (const offset of [-8, 0.5, 32, 2 ** 53, Number.NaN])
    expect(sys.preadPiece(fd, pieces, offset, 0, 0), `offset ${offset}`).toBe(-sys.EINVAL)
  for (const piece of [
    [-1, 8],
    [0.5, Number.NaN],
    [Number.POSITIVE_INFINITY, 8],
    [2 ** 60, 8],
  ]) {
    pieces.set(piece)
    expect(sys.preadPiece(fd, pieces, 0, 0, 0), `piece ${piece}`).toBe(-sys.EINVAL)
  }
  closeSync(fd)
})

test('a thread that loads no modules calls the functions of the binary', async () => {
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    const native = { exports: {} }
    process.dlopen(native, workerData)
    parentPort.postMessage(native.exports.lseek(99999, 0, 0))`
  const worker = new Worker(program, { eval: true, workerData: sys.nativePath })
  expect(await once(worker, 'message')).toEqual([-sys.EBADF])
})

test('M2: waits are in nanoseconds, and a timeout of 0 only looks', () => {
  const before = sys.monotonicNs()
  expect(sys.ppoll(new Uint8Array(8), 0, 2_000_000)).toBe(0)
  expect(sys.monotonicNs() - before).toBeGreaterThanOrEqual(2_000_000)
  expect(sys.ppoll(new Uint8Array(8), 0, 0)).toBe(0)
  expect(sys.ppoll(new Uint8Array(8), 0, Number.NaN)).toBe(-sys.EINVAL)
})

test('epoll events carry both halves of their data back', () => {
  const epfd = sys.check(sys.epollCreate1(sys.EPOLL_CLOEXEC), 'epoll_create1')
  const fd = sys.check(sys.eventfd(1, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK), 'eventfd')
  sys.check(sys.epollCtl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN, 0xdead_beef, -2), 'epoll_ctl')
  const events = new Uint32Array(64)
  expect(sys.epollWait(epfd, events, 4, 0)).toBe(1)
  const data = sys.EPOLL_DATA_OFFSET / 4
  expect([events[0], events[data], events[data + 1]]).toEqual([sys.EPOLLIN, 0xdead_beef, 0xffff_fffe])
  sys.close(epfd)
  sys.close(fd)
})

test('T1: the monotonic clock is the same in every thread', async () => {
  const worker = new Worker(
    `import('@aiokit/sys').then((sys) => require('node:worker_threads').parentPort.postMessage(sys.monotonicNs()))`,
    { eval: true },
  )
  const before = sys.monotonicNs()
  const there = await new Promise<number>((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  )
  expect(there).toBeGreaterThan(before)
  expect(there).toBeLessThan(sys.monotonicNs())
  expect(sys.clockGettime(sys.CLOCK_REALTIME)).toBeGreaterThan(1.7e18)
  expect(sys.clockGettime(12_345)).toBe(-sys.EINVAL)
})
