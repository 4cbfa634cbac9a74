import { constants, openSync, unlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { bufferPool } from '@aiokit/buffer-pool'
import { CQE_F_MORE, type Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { openDescriptors } from '@aiokit/testing'
import { expect, test } from 'vitest'
import {
  type Answer,
  closeAll,
  code,
  listener,
  newAnswer,
  TestRing,
  waitingPipe,
  waitingSockets,
} from './harness.ts'

const nop = (sqe: Sqe) => sqe.prepNop()

/** 64 reads of 1 MiB each that go to the disk, which nobody can cancel there. */
function directReads(ring: TestRing): Answer[] {
  const file = path.join(os.tmpdir(), `aiokit-direct-${process.pid}`)
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | sys.O_DIRECT)
  unlinkSync(file)
  const block = bufferPool.allocate(2 ** 20)
  for (let i = 0; i < 64; i++) sys.check(sys.pwrite(fd, block, 0, 2 ** 20, i * 2 ** 20), 'pwrite')
  const answers = Array.from({ length: 64 }, (_, i) => {
    const buffer = bufferPool.allocate(2 ** 20)
    const answer = ring.add((sqe) => sqe.prepRead(fd, buffer, i * 2 ** 20))
    bufferPool.free(buffer)
    return answer
  })
  bufferPool.free(block)
  ring.look()
  closeAll(fd)
  return answers
}

test('U6, X4: closing answers every request once, at whatever stage it is and though handlers throw', () => {
  const ring = new TestRing({ entries: 32 })
  const [reader, writer] = waitingPipe()
  const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
  const group = ring.monitor.createBufferGroup(4, 16)
  const answers: Answer[] = []
  const errors: number[] = []
  const add = (prep: (sqe: Sqe) => void) => {
    const answer = newAnswer()
    const { complete } = answer
    const number = answers.push(answer)
    answer.complete = (res, flags) => {
      complete.call(answer, res, flags)
      if (number % 4 !== 0) return
      errors.push(number)
      throw new Error(`from ${number}`)
    }
    return ring.add(prep, answer)
  }
  for (let i = 0; i < 5; i++) {
    add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
    add((sqe) => {
      sqe.prepRead(reader, Buffer.alloc(1), -1)
      sqe.async()
    })
    add((sqe) => sqe.prepTimeout(3600e9))
    add((sqe) => sqe.prepPollAdd(reader, 1))
    // When the first of them is cancelled the next begins.
    for (let j = 0; j < 4; j++) {
      add((sqe) => {
        sqe.prepRead(reader, Buffer.alloc(1), -1)
        sqe.hardlink()
      })
    }
    add(nop)
    add((sqe) => {
      sqe.prepRead(reader, Buffer.alloc(1), -1)
      sqe.link()
    })
    add((sqe) => sqe.prepLinkTimeout(3600e9))
  }
  const last = ring.add((sqe) => sqe.prepRecvMultishot(a, group, 0))
  ring.look()
  answers.push(last, ...directReads(ring))
  sys.send(b, Buffer.from('in a buffer'), 0, 11, 0)
  for (let i = 0; i < 10; i++) add(nop)
  // Found, and not delivered.
  ring.fds.wait(0)
  for (let i = 0; i < 10; i++) add(nop)
  add((sqe) => {
    nop(sqe)
    sqe.drain()
  })
  add(nop)
  const found = answers.filter((each) => each.isDone).length
  expect(() => ring.close()).toThrow(/^from /)
  expect(answers.length - found).toBeGreaterThan(30)
  expect(answers.every((each) => each.isDone)).toBe(true)
  expect(errors.length).toBe(new Set(errors).size)
  expect(answers.filter((each) => each !== last).every((each) => each.results.length === 1)).toBe(true)
  expect(last.results[0]).toBe(11)
  expect(last.flags.slice(0, -1).every((flags) => (flags & CQE_F_MORE) !== 0)).toBe(true)
  expect(last.results.at(-1)).toBe(-sys.ECANCELED)
  ring.close()
  closeAll(reader, writer, a, b)
})

test('U6: in a handler that closing calls, data of its group can be read, requests cancelled, and none made', () => {
  const ring = new TestRing()
  const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
  const [reader, writer] = waitingPipe()
  const group = ring.monitor.createBufferGroup(4, 16)
  const texts: string[] = []
  ring.monitor.addSqe((sqe) => sqe.prepRecvMultishot(a, group, 0), {
    complete(res, flags) {
      const bytes = group.bytes(res, flags)
      if (bytes === null) return
      texts.push(Buffer.from(bytes).toString())
      group.recycle(flags)
      later.request.cancel()
      expect(() => ring.add(nop)).toThrow(code('ERR_AIO_CLOSED'))
      expect(() => ring.fds.wait(-1)).toThrow(code('ERR_AIO_CLOSED'))
      ring.close()
    },
  })
  const later = ring.add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  ring.look()
  sys.send(b, Buffer.from('one'), 0, 3, 0)
  sys.send(b, Buffer.from('two'), 0, 3, 0)
  ring.fds.wait(-1)
  ring.close()
  expect([texts, later.results]).toEqual([['one', 'two'], [-sys.ECANCELED]])
  expect(() => group.bytes(1, 1)).toThrow(code('ERR_AIO_CLOSED'))
  closeAll(a, b, reader, writer)
})

test('X4: when closing returns, nothing in flight can write to the memory any more', () => {
  const ring = new TestRing()
  const answers = directReads(ring)
  ring.close()
  expect(answers.every((each) => each.isDone && (each.res === 2 ** 20 || each.res === -sys.ECANCELED))).toBe(
    true,
  )
})

test('U6, X4: the other side of a socket sees the end of one that only the ring had', () => {
  const ring = new TestRing()
  const [a, b] = waitingSockets()
  const [c, d] = waitingSockets()
  ring.add((sqe) => sqe.prepRecv(a, Buffer.alloc(1), 0))
  ring.monitor.registerFiles([c])
  ring.look()
  closeAll(a, c)
  ring.close()
  for (const fd of [b, d]) {
    expect(sys.recv(fd, Buffer.alloc(1), 0, 1, sys.MSG_DONTWAIT)).toBe(0)
    closeAll(fd)
  }
})

test('U6, X6: closing a hundred times with 1,000 requests in flight leaves no descriptor and no memory', () => {
  const [reader, writer] = waitingPipe()
  const [a, b] = waitingSockets()
  const round = () => {
    const ring = new TestRing()
    const answers = Array.from({ length: 1000 }, (_, i) =>
      ring.add((sqe) => {
        if (i % 4 === 0) sqe.prepRead(reader, Buffer.alloc(100), -1)
        else if (i % 4 === 1) sqe.prepTimeout(3600e9)
        else if (i % 4 === 2) sqe.prepPollAdd(reader, 1)
        else sqe.prepRecv(a, Buffer.alloc(5000), 0)
      }),
    )
    ring.look()
    ring.close()
    expect(answers.every((each) => each.results.length === 1 && each.res === -sys.ECANCELED)).toBe(true)
  }
  const memory = () => {
    // Twice: another thread frees array buffers meanwhile, which the next collection waits for.
    for (let i = 0; i < 2; i++) globalThis.gc!()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  for (let i = 0; i < 10; i++) round()
  const descriptors = openDescriptors()
  const before = memory()
  for (let i = 0; i < 90; i++) round()
  expect(openDescriptors()).toBe(descriptors)
  // A kilobyte for each request would be 90 MB.
  expect(memory() - before).toBeLessThan(10e6)
  expect(sys.ioUringCount()).toBe(0)
  closeAll(reader, writer, a, b)
})

test('U6, X6: what requests have opened or accepted is delivered when the ring is closed; what was not read is closed with it by other code', () => {
  for (const [byOthers, isRead] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const) {
    const [socket, address] = listener()
    const clients = Array.from({ length: 20 }, () => {
      const client = sys.check(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
      sys.check(sys.connect(client, address), 'connect')
      return client
    })
    const before = openDescriptors()
    const ring = new TestRing()
    const opened: number[] = []
    const add = (prep: (sqe: Sqe) => void) =>
      ring.monitor.addSqe(prep, { complete: (res) => void (res >= 0 && opened.push(res)) })
    if (!isRead) ring.monitor.maxBatch = 1
    for (let i = 0; i < 10; i++) {
      add((sqe) => sqe.prepAccept(socket, sys.SOCK_CLOEXEC))
      add((sqe) => sqe.prepOpenat(sys.AT_FDCWD, '/dev/null', sys.O_CLOEXEC))
    }
    add((sqe) => sqe.prepAcceptMultishot(socket, sys.SOCK_CLOEXEC))
    if (isRead) ring.fds.wait(0)
    expect(openDescriptors() - before).toBe(31)
    if (byOthers) closeAll(ring.monitor.backendFd)
    ring.close()
    expect(opened.length).toBe(byOthers && !isRead ? 0 : 30)
    closeAll(...opened)
    expect(openDescriptors()).toBe(before)
    closeAll(socket, ...clients)
  }
})

test('X3: a ring that other code closes makes waits fail, and closing answers what is left', () => {
  const ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const waiting = ring.add((sqe) => sqe.prepRead(reader, Buffer.alloc(1), -1))
  const done = ring.add(nop)
  ring.fds.wait(0)
  const later = ring.add(nop)
  closeAll(ring.monitor.backendFd)
  expect(() => ring.fds.wait(0)).toThrow(code('EBADF'))
  ring.monitor.dispatch()
  expect(() => ring.fds.wait(-1)).toThrow(code('EBADF'))
  expect(done.results).toEqual([0])
  ring.close()
  expect([waiting.results, later.results]).toEqual([[-sys.ECANCELED], [-sys.ECANCELED]])
  closeAll(reader, writer)
})
