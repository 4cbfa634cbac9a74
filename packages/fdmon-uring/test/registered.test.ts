import { bufferPool } from '@aiokit/buffer-pool'
import * as sys from '@aiokit/sys'
import { regularFile } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { closeAll, code, TestRing, waitingPipe, waitingSockets } from './harness.ts'

test('U4: registered buffers are read and written, at any place inside them', () => {
  using ring = new TestRing()
  const file = regularFile()
  const buffers = [bufferPool.allocate(10_000), bufferPool.allocate(300), bufferPool.allocate(300)]
  ring.monitor.registerBuffers(buffers)
  buffers[0]!.set(Buffer.from('content'), 5000)
  const part = buffers[0]!.subarray(5000, 5007)
  expect(ring.run((sqe) => sqe.prepWriteFixed(file, part, 2 ** 32, 0))).toBe(7)
  expect(ring.run((sqe) => sqe.prepReadFixed(file, buffers[1]!.subarray(10), 2 ** 32 + 3, 1))).toBe(4)
  expect(Buffer.from(buffers[1]!.subarray(9, 15)).toString()).toBe('\0tent\0')
  // Not in the buffer of that number, in none of them, and no such number.
  for (const index of [1, 2, 3, 65_535])
    expect(ring.run((sqe) => sqe.prepReadFixed(file, part, 0, index))).toBe(-sys.EFAULT)
  expect(ring.run((sqe) => sqe.prepReadFixed(file, new Uint8Array(10), 2 ** 32, 0))).toBe(-sys.EFAULT)
  ring.monitor.registerBuffers(buffers.slice(2))
  expect(ring.run((sqe) => sqe.prepReadFixed(file, buffers[2]!, 2 ** 32, 0))).toBe(7)
  expect(ring.run((sqe) => sqe.prepReadFixed(file, part, 2 ** 32, 0))).toBe(-sys.EFAULT)
  ring.monitor.registerBuffers(null)
  ring.monitor.registerBuffers(null)
  expect(ring.run((sqe) => sqe.prepReadFixed(file, buffers[2]!, 2 ** 32, 0))).toBe(-sys.EFAULT)
  for (const view of buffers) bufferPool.free(view)
  closeAll(file)
})

test('X4: registered memory that is freed is not handed out before it is unregistered, nor while a request uses it', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const size = 777
  const view = bufferPool.allocate(size)
  const address = sys.addressOf(view)
  const isHandedOut = () => {
    const others = Array.from({ length: 3000 }, () => bufferPool.allocate(size))
    const found = others.some((other) => sys.addressOf(other) === address)
    for (const other of others) bufferPool.free(other)
    return found
  }
  ring.monitor.registerBuffers([view])
  const read = ring.add((sqe) => sqe.prepReadFixed(reader, view, -1, 0))
  ring.look()
  bufferPool.free(view)
  expect(isHandedOut()).toBe(false)
  ring.monitor.registerBuffers(null)
  expect(isHandedOut()).toBe(false)
  sys.write(writer, Buffer.from('abc'))
  ring.until(() => read.isDone)
  expect([read.res, Buffer.from(view.subarray(0, 3)).toString()]).toEqual([3, 'abc'])
  expect(isHandedOut()).toBe(true)
  const again = bufferPool.allocate(size)
  const where = sys.addressOf(again)
  ring.monitor.registerBuffers([again])
  bufferPool.free(again)
  ring.close()
  const others = Array.from({ length: 3000 }, () => bufferPool.allocate(size))
  expect(others.some((other) => sys.addressOf(other) === where)).toBe(true)
  for (const other of others) bufferPool.free(other)
  closeAll(reader, writer)
})

test('U4: registered files are used by their place, also when their descriptors are closed', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const [a, b] = waitingSockets()
  ring.monitor.registerFiles([reader, -1, writer, a])
  closeAll(reader, writer, a)
  const buffer = Buffer.alloc(5)
  const run = (prep: Parameters<TestRing['run']>[0]) =>
    ring.run((sqe) => {
      prep(sqe)
      sqe.fixedFile()
    })
  expect(run((sqe) => sqe.prepWrite(2, Buffer.from('hello'), -1))).toBe(5)
  expect(run((sqe) => sqe.prepRead(0, buffer, -1))).toBe(5)
  expect(buffer.toString()).toBe('hello')
  for (const place of [1, 4, 99]) expect(run((sqe) => sqe.prepRead(place, buffer, -1))).toBe(-sys.EBADF)
  expect(run((sqe) => sqe.prepSend(3, buffer, 0))).toBe(5)
  expect(sys.recv(b, buffer, 0, 5, 0)).toBe(5)
  ring.monitor.registerFiles(new Int32Array([b]))
  // Nobody has the other side any more.
  expect(run((sqe) => sqe.prepRecv(0, buffer, 0))).toBe(0)
  ring.monitor.registerFiles(null)
  ring.monitor.registerFiles(null)
  expect(run((sqe) => sqe.prepRecv(0, buffer, 0))).toBe(-sys.EBADF)
  closeAll(b)
})

test('X3: what cannot be registered is refused, and what was registered stays or goes as documented', () => {
  using ring = new TestRing()
  const file = regularFile()
  const view = bufferPool.allocate(100)
  ring.monitor.registerBuffers([view])
  ring.monitor.registerFiles([file])
  const freed = bufferPool.allocate(100)
  bufferPool.free(freed)
  for (const none of [new Uint8Array(10), freed])
    expect(() => ring.monitor.registerBuffers([view, none])).toThrow(code('ERR_AIO_NOT_ALLOCATED'))
  for (const wrong of [1, 'x', {}, view, [1], undefined] as never[])
    expect(() => ring.monitor.registerBuffers(wrong)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  for (const wrong of [[], new Array(1025).fill(view)])
    expect(() => ring.monitor.registerBuffers(wrong)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  for (const wrong of [1, 'x', {}, view, ['1'], undefined] as never[])
    expect(() => ring.monitor.registerFiles(wrong)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  for (const wrong of [[], [-2], [0.5], [2 ** 31], new Int32Array(32_769)])
    expect(() => ring.monitor.registerFiles(wrong)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  expect(
    ring.run((sqe) => {
      sqe.prepReadFixed(0, view, 0, 0)
      sqe.fixedFile()
    }),
  ).toBe(0)
  expect(() => ring.monitor.registerFiles([999_999])).toThrow(code('EBADF'))
  expect(
    ring.run((sqe) => {
      sqe.prepReadFixed(0, view, 0, 0)
      sqe.fixedFile()
    }),
  ).toBe(-sys.EBADF)
  ring.monitor.registerFiles([file])
  bufferPool.free(view)
  closeAll(file)
})
