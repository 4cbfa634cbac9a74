import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { bufferPool } from '@aiokit/buffer-pool'
import type { Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { regularFile } from '@aiokit/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeAll, TestRing, waitingPipe } from './harness.ts'

const { errno } = os.constants
const AT_EMPTY_PATH = 0x1000
const AT_SYMLINK_NOFOLLOW = 0x100
const STATX_BASIC_STATS = 0x7ff
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aiokit-'))
const fresh = () => path.join(folder, randomUUID())

test('U4: a nop completes with 0', () => {
  using ring = new TestRing()
  expect(ring.run((sqe) => sqe.prepNop())).toBe(0)
})

test('U4: what is written at a position is read there, also beyond 4 GiB and with any kind of view', () => {
  using ring = new TestRing()
  const file = regularFile()
  const views = [
    (size: number) => bufferPool.allocate(size),
    (size: number) => new Uint8Array(size),
    (size: number) => new DataView(new ArrayBuffer(size + 3), 3),
    (size: number) => new Float64Array(Math.ceil(size / 8)),
    (size: number) => Buffer.alloc(size),
    (size: number) => new Uint8Array(new SharedArrayBuffer(size)),
  ]
  for (const position of [0, 1, 4095, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3, 2 ** 32, 2 ** 40 + 7]) {
    for (const make of views) {
      const source = make(5000)
      const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + position) & 0xff
      expect(ring.run((sqe) => sqe.prepWrite(file, source, position))).toBe(bytes.length)
      const target = make(5000)
      expect(ring.run((sqe) => sqe.prepRead(file, target, position))).toBe(bytes.length)
      expect(Buffer.from(target.buffer, target.byteOffset, target.byteLength).equals(bytes)).toBe(true)
      const check = Buffer.alloc(bytes.length)
      expect(fs.readSync(file, check, 0, check.length, position)).toBe(check.length)
      expect(check.equals(bytes)).toBe(true)
    }
  }
  closeAll(file)
})

test('U4: position -1 is the position of the file, which moves', () => {
  using ring = new TestRing()
  const file = regularFile()
  expect(ring.run((sqe) => sqe.prepWrite(file, Buffer.from('one'), -1))).toBe(3)
  expect(ring.run((sqe) => sqe.prepWrite(file, Buffer.from('two'), -1))).toBe(3)
  expect(sys.lseek(file, 1, sys.SEEK_SET)).toBe(1)
  const buffer = Buffer.alloc(10)
  expect(ring.run((sqe) => sqe.prepRead(file, buffer, -1))).toBe(5)
  expect(buffer.toString('latin1', 0, 5)).toBe('netwo')
  expect(ring.run((sqe) => sqe.prepRead(file, buffer, -1))).toBe(0)
  closeAll(file)
})

test('U4: a short read leaves the rest of the view as it was', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  sys.write(writer, Buffer.from('abc'))
  const foreign = Buffer.alloc(8, '-')
  expect(ring.run((sqe) => sqe.prepRead(reader, foreign, -1))).toBe(3)
  expect(foreign.toString()).toBe('abc-----')
  closeAll(reader, writer)
})

test('U4: vectors of pool memory and other views, empty ones among them, are filled in order as far as the count goes', () => {
  using ring = new TestRing()
  fc.assert(
    fc.property(
      fc.array(fc.record({ size: fc.nat(300), pooled: fc.boolean(), data: fc.boolean() }), { maxLength: 40 }),
      fc.nat(5000),
      (parts, available) => {
        const [reader, writer] = waitingPipe()
        const content = Buffer.from(Array.from({ length: available }, (_, i) => (i * 7 + 1) & 0xff))
        const make = ({ size, pooled, data }: (typeof parts)[number]) => {
          if (pooled && size > 0) return bufferPool.allocate(size)
          return data ? new DataView(new ArrayBuffer(size + 1), 1) : new Uint8Array(size)
        }
        const bytes = (views: ArrayBufferView[]) =>
          Buffer.concat(views.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)))
        const sources = [make({ size: available + 1, pooled: true, data: false })].map(
          (view) => new Uint8Array(view.buffer, view.byteOffset, available),
        )
        sources[0]!.set(content)
        sources.push(new Uint8Array(0))
        const room = parts.reduce((sum, { size }) => sum + size, 0)
        const targets = parts.map(make)
        if (available > 0) {
          expect(ring.run((sqe) => sqe.prepWritev(writer, sources, -1))).toBe(available)
          const expected = Math.min(room, available)
          expect(ring.run((sqe) => sqe.prepReadv(reader, targets, -1))).toBe(expected)
          const found = bytes(targets)
          expect(found.subarray(0, expected).equals(content.subarray(0, expected))).toBe(true)
          expect(found.subarray(expected).every((byte) => byte === 0)).toBe(true)
        }
        for (const view of targets) if (bufferPool.find(view) !== null) bufferPool.free(view)
        bufferPool.free(sources[0]!)
        closeAll(reader, writer)
      },
    ),
    { numRuns: 150 },
  )
})

test('U4: 1024 views are read and written at a position', () => {
  using ring = new TestRing()
  const file = regularFile()
  const views = Array.from({ length: 1024 }, (_, i) => Buffer.from([i & 0xff, i >> 8]))
  expect(ring.run((sqe) => sqe.prepWritev(file, views, 2 ** 33))).toBe(2048)
  const back = views.map(() => Buffer.alloc(2))
  expect(ring.run((sqe) => sqe.prepReadv(file, back, 2 ** 33))).toBe(2048)
  expect(back).toEqual(views)
  closeAll(file)
})

test('U4: fsync, fallocate and close do what the calls of that name do', () => {
  using ring = new TestRing()
  const file = regularFile()
  expect(ring.run((sqe) => sqe.prepFallocate(file, 0, 10_000, 5000))).toBe(0)
  expect(fs.fstatSync(file).size).toBe(15_000)
  expect(ring.run((sqe) => sqe.prepFallocate(file, sys.FALLOC_FL_KEEP_SIZE, 2 ** 33, 4096))).toBe(0)
  expect(fs.fstatSync(file).size).toBe(15_000)
  expect(ring.run((sqe) => sqe.prepFallocate(file, 0, 0, 0))).toBe(-sys.EINVAL)
  expect(ring.run((sqe) => sqe.prepFsync(file))).toBe(0)
  expect(ring.run((sqe) => sqe.prepFsync(file, true))).toBe(0)
  const [reader, writer] = waitingPipe()
  for (const dataOnly of [false, true])
    expect(ring.run((sqe) => sqe.prepFsync(reader, dataOnly))).toBe(-sys.EINVAL)
  closeAll(reader, writer)
  expect(ring.run((sqe) => sqe.prepClose(file))).toBe(0)
  expect(sys.fcntl(file, sys.F_GETFD, 0)).toBe(-sys.EBADF)
  expect(ring.run((sqe) => sqe.prepClose(file))).toBe(-sys.EBADF)
})

test('U4: fsync and fdatasync are told apart by the entry that is submitted', () => {
  using ring = new TestRing()
  const file = regularFile()
  // The kernel leaves entries as they are when it has taken them. Both calls end the same whatever it did.
  const memory = sys.ioUringMap(ring.monitor.backendFd, sys.IO_URING_SQES, 64 * 256)
  const entries = new Int32Array(memory as ArrayBuffer)
  const submitted = (prep: (sqe: Sqe) => void) => {
    entries.fill(0)
    expect(ring.run(prep)).toBe(0)
    const all = Array.from({ length: 256 }, (_, i) => entries.subarray(16 * i, 16 * i + 16))
    return all.filter(([opcode]) => opcode !== 0).map((words) => [words[0], words[1], words[7]])
  }
  const OP_FSYNC = 3
  const FSYNC_DATASYNC = 1
  expect(submitted((sqe) => sqe.prepFsync(file))).toEqual([[OP_FSYNC, file, 0]])
  expect(submitted((sqe) => sqe.prepFsync(file, false))).toEqual([[OP_FSYNC, file, 0]])
  expect(submitted((sqe) => sqe.prepFsync(file, true))).toEqual([[OP_FSYNC, file, FSYNC_DATASYNC]])
  sys.ioUringUnmap(memory as ArrayBuffer)
  closeAll(file)
})

test.each([
  ['plain', 'plain'],
  ['with spaces and "quotes"', 'with spaces and "quotes"'],
  ['of other letters', 'żółw-文件-🐢'],
  ['with a newline', 'a\nb'],
  ['of 255 bytes', 'x'.repeat(255)],
])('U4: openat and statx take a name %s', (_, name) => {
  using ring = new TestRing()
  const file = path.join(folder, name)
  const flags = fs.constants.O_CREAT | fs.constants.O_RDWR | fs.constants.O_EXCL | sys.O_CLOEXEC
  const fd = ring.run((sqe) => sqe.prepOpenat(sys.AT_FDCWD, file, flags, 0o640))
  expect(fd).toBeGreaterThan(2)
  expect(sys.fcntl(fd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
  expect(fs.statSync(file).mode & 0o777 & ~process.umask()).toBe(0o640 & ~process.umask())
  fs.ftruncateSync(fd, 2 ** 32 + 5)
  const out = Buffer.alloc(300, 0xee)
  expect(ring.run((sqe) => sqe.prepStatx(sys.AT_FDCWD, file, 0, STATX_BASIC_STATS, out))).toBe(0)
  expect(out.readBigUInt64LE(40)).toBe(2n ** 32n + 5n)
  expect(out.subarray(256).every((byte) => byte === 0xee)).toBe(true)
  expect(ring.run((sqe) => sqe.prepOpenat(sys.AT_FDCWD, file, flags, 0o640))).toBe(-sys.EEXIST)
  fs.unlinkSync(file)
  closeAll(fd)
})

test('U4: openat and statx go by the directory, the empty path, and flags', () => {
  using ring = new TestRing()
  const name = randomUUID()
  fs.writeFileSync(path.join(folder, name), 'content')
  fs.symlinkSync('/nowhere', path.join(folder, `${name}-link`))
  const dir = fs.openSync(folder, 'r')
  const fd = ring.run((sqe) => sqe.prepOpenat(dir, name, sys.O_CLOEXEC))
  expect(fs.readFileSync(fd, 'utf8')).toBe('content')
  const out = bufferPool.allocate(256)
  const size = () => new DataView(out.buffer, out.byteOffset).getBigUint64(40, true)
  expect(ring.run((sqe) => sqe.prepStatx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, out))).toBe(0)
  expect(size()).toBe(7n)
  const link = `${name}-link`
  expect(ring.run((sqe) => sqe.prepStatx(dir, link, 0, STATX_BASIC_STATS, out))).toBe(-sys.ENOENT)
  expect(ring.run((sqe) => sqe.prepStatx(dir, link, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, out))).toBe(0)
  expect(size()).toBe(8n)
  expect(ring.run((sqe) => sqe.prepOpenat(dir, '', 0))).toBe(-sys.ENOENT)
  expect(ring.run((sqe) => sqe.prepOpenat(fd, name, 0))).toBe(-errno.ENOTDIR)
  expect(ring.run((sqe) => sqe.prepOpenat(dir, 'x'.repeat(256), 0))).toBe(-errno.ENAMETOOLONG)
  expect(ring.run((sqe) => sqe.prepOpenat(dir, 'x/'.repeat(3000), 0))).toBe(-errno.ENAMETOOLONG)
  bufferPool.free(out)
  closeAll(fd, dir)
})

test('U4: splice moves bytes between a pipe and a file, at offsets or at their own positions', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const from = regularFile()
  const to = regularFile()
  fs.writeSync(from, 'abcdefghij', 2 ** 32)
  expect(ring.run((sqe) => sqe.prepSplice(from, 2 ** 32 + 2, writer, -1, 5, 0))).toBe(5)
  expect(ring.run((sqe) => sqe.prepSplice(reader, -1, to, 2 ** 33, 3, 0))).toBe(3)
  sys.lseek(to, 2 ** 34, sys.SEEK_SET)
  expect(ring.run((sqe) => sqe.prepSplice(reader, -1, to, -1, 100, 0))).toBe(2)
  const bytes = Buffer.alloc(3)
  fs.readSync(to, bytes, 0, 3, 2 ** 33)
  expect(bytes.toString()).toBe('cde')
  fs.readSync(to, bytes, 0, 2, 2 ** 34)
  expect(bytes.toString('latin1', 0, 2)).toBe('fg')
  expect(ring.run((sqe) => sqe.prepSplice(from, 0, to, 0, 5, 0))).toBe(-sys.EINVAL)
  closeAll(reader, writer, from, to)
})

test('U4: an error of the kernel is the result', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  expect(ring.run((sqe) => sqe.prepRead(999_999, Buffer.alloc(1), 0))).toBe(-sys.EBADF)
  expect(ring.run((sqe) => sqe.prepRead(writer, Buffer.alloc(1), -1))).toBe(-sys.EBADF)
  expect(ring.run((sqe) => sqe.prepOpenat(sys.AT_FDCWD, fresh(), 0))).toBe(-sys.ENOENT)
  closeAll(reader)
  expect(ring.run((sqe) => sqe.prepWrite(writer, Buffer.alloc(1), -1))).toBe(-sys.EPIPE)
  closeAll(writer)
})
