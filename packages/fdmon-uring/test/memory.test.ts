import { bufferPool } from '@aiokit/buffer-pool'
import type { Sqe, SqeMessage } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { expect, test } from 'vitest'
import { closeAll, code, TestRing, waitingPipe, waitingSockets } from './harness.ts'

/** A buffer that can change its length, which this TypeScript does not know yet. */
function resizable(size: number): ArrayBuffer & { resize(size: number): void } {
  const Buffer = ArrayBuffer as unknown as new (
    size: number,
    options: object,
  ) => ArrayBuffer & { resize(size: number): void }
  return new Buffer(size, { maxByteLength: 2 * size })
}

test('X4: a view that is detached in flight gets nothing, and its request ends with EFAULT', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  for (const make of [(m: ArrayBuffer) => new Uint8Array(m), (m: ArrayBuffer) => new DataView(m)]) {
    const memory = new ArrayBuffer(100)
    const read = ring.add((sqe) => sqe.prepRead(reader, make(memory), -1))
    ring.look()
    const moved = structuredClone(memory, { transfer: [memory] })
    sys.write(writer, Buffer.alloc(100, 7))
    ring.until(() => read.isDone)
    expect(read.results).toEqual([-sys.EFAULT])
    expect(new Uint8Array(moved).every((byte) => byte === 0)).toBe(true)
  }
  closeAll(reader, writer)
})

test('X4: what is written is what the view showed when the request was made', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  sys.fcntl(writer, sys.F_SETPIPE_SZ, 4096)
  sys.write(writer, Buffer.alloc(4096))
  const memory = new ArrayBuffer(1000)
  const bytes = new Uint8Array(memory).fill(1)
  const write = ring.add((sqe) => sqe.prepWrite(writer, bytes, -1))
  ring.look()
  bytes.fill(2)
  structuredClone(memory, { transfer: [memory] })
  sys.read(reader, Buffer.alloc(4096))
  ring.until(() => write.isDone)
  const read = Buffer.alloc(2000)
  expect([write.res, sys.read(reader, read)]).toEqual([1000, 1000])
  expect(read.subarray(0, 1000).every((byte) => byte === 1)).toBe(true)
  closeAll(reader, writer)
})

test('X4: a view whose memory shrinks in flight gets nothing in a wrong place', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  for (const [size, expected] of [
    [60, -sys.EFAULT],
    [10, -sys.EFAULT],
    [0, -sys.EFAULT],
    [70, 20],
    [200, 20],
  ] as const) {
    for (const make of [
      (memory: ArrayBuffer) => new Uint8Array(memory, 50, 20),
      (memory: ArrayBuffer) => new DataView(memory, 50, 20),
      (memory: ArrayBuffer) => new Uint8Array(memory, 50),
    ]) {
      const memory = resizable(100)
      const read = ring.add((sqe) => sqe.prepRead(reader, make(memory), -1))
      ring.look()
      memory.resize(size)
      sys.write(writer, Buffer.alloc(20, 9))
      ring.until(() => read.isDone)
      expect(read.results).toEqual([expected])
      const all = [...new Uint8Array(memory)]
      const begin = expected < 0 ? all.length : 50
      expect(all.every((byte, i) => byte === (i >= begin && i < begin + 20 ? 9 : 0))).toBe(true)
    }
  }
  closeAll(reader, writer)
})

test('X3: a view that has no memory any more is refused, and not taken for an empty one', () => {
  using ring = new TestRing()
  const gone = new ArrayBuffer(10)
  const views = [new Uint8Array(gone), new DataView(gone), new Float64Array(gone, 0, 1)]
  structuredClone(gone, { transfer: [gone] })
  const shrunk = resizable(100)
  views.push(new Uint8Array(shrunk, 50, 10), new DataView(shrunk, 50, 10), new Float64Array(shrunk, 56, 2))
  shrunk.resize(20)
  for (const view of views) {
    const message = { buffers: [new Uint8Array(1), view] }
    const preps: ((sqe: Sqe) => void)[] = [
      (sqe) => sqe.prepRead(0, view, -1),
      (sqe) => sqe.prepWrite(0, view, -1),
      (sqe) => sqe.prepReadv(0, [view], -1),
      (sqe) => sqe.prepSend(0, view, 0),
      (sqe) => sqe.prepRecv(0, view, 0),
      (sqe) => sqe.prepConnect(0, view),
      (sqe) => sqe.prepStatx(sys.AT_FDCWD, '/', 0, 0, view),
      (sqe) => sqe.prepSendmsg(0, message, 0),
      (sqe) => sqe.prepRecvmsg(0, { buffers: [], address: view }, 0),
      (sqe) => sqe.prepRecvmsg(0, { buffers: [], control: view }, 0),
    ]
    for (const prep of preps) expect(() => ring.add(prep)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    expect(() => bufferPool.free(view)).toThrow(code('ERR_AIO_NOT_ALLOCATED'))
  }
  expect(ring.run((sqe) => sqe.prepNop())).toBe(0)
})

test('X4: memory of the pool that is freed in flight is not handed out before the request is done', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const size = 3000
  const flying = Array.from({ length: 100 }, () => {
    const view = bufferPool.allocate(size)
    const read = ring.add((sqe) => sqe.prepReadv(reader, [view.subarray(0, 1000), view.subarray(1000)], -1))
    bufferPool.free(view)
    return { view, read }
  })
  ring.look()
  const where = (view: Uint8Array) => `${sys.addressOf(view)}`
  const taken = new Set(flying.map(({ view }) => where(view)))
  const others = Array.from({ length: 2000 }, () => bufferPool.allocate(size))
  expect(others.some((view) => taken.has(where(view)))).toBe(false)
  for (let i = 0; i < 100; i++) {
    sys.write(writer, Buffer.alloc(size, 0xaa))
    ring.until(() => flying.some(({ read }) => read.isDone))
    for (const each of flying.splice(0)) if (!each.read.isDone) flying.push(each)
  }
  expect(flying.length).toBe(0)
  expect(others.every((view) => view.every((byte) => byte === 0))).toBe(true)
  for (const view of others) bufferPool.free(view)
  // Now it is.
  const again = Array.from({ length: 2100 }, () => bufferPool.allocate(size))
  expect(again.filter((view) => taken.has(where(view))).length).toBe(100)
  for (const view of again) bufferPool.free(view)
  closeAll(reader, writer)
})

test('X4: requests to whose buffers, handlers and ring nobody refers any more go on, and write where they should', async () => {
  const [reader, writer] = waitingPipe()
  const size = 100_000
  sys.fcntl(writer, sys.F_SETPIPE_SZ, 2 ** 20)
  let done = 0
  const start = () => {
    const ring = new TestRing()
    for (let i = 0; i < 10; i++) {
      const buffer = i % 2 === 0 ? bufferPool.allocate(size) : Buffer.alloc(size)
      ring.monitor.addSqe((sqe) => sqe.prepRead(reader, buffer, -1), {
        complete(res) {
          expect(res).toBe(size)
          const byte = buffer[0]
          expect(byte).not.toBe(0)
          expect(buffer.every((each) => each === byte)).toBe(true)
          done++
        },
      })
    }
    ring.look()
    return new WeakRef(ring.monitor)
  }
  const monitor = start()
  const garbage: Uint8Array[] = []
  for (let i = 0; i < 10; i++) {
    // What a WeakRef has shown is kept until the end of the turn.
    await new Promise(setImmediate)
    globalThis.gc!()
    for (let j = 0; j < 20; j++) garbage.push(bufferPool.allocate(size), new Uint8Array(size))
    sys.write(writer, Buffer.alloc(size, i + 1))
  }
  const { wait, dispatch, close } = monitor.deref()!
  while (done < 10) {
    await new Promise(setImmediate)
    wait.call(monitor.deref()!, null as never, -1)
    dispatch.call(monitor.deref()!)
    globalThis.gc!()
  }
  expect(garbage.every((view) => view.every((byte) => byte === 0))).toBe(true)
  close.call(monitor.deref()!)
  closeAll(reader, writer)
})

test('X4: views that lie about what they show make the kernel write nowhere but to their own bytes', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const victim = bufferPool.allocate(256)
  const pooled = bufferPool.allocate(256)
  let asked = 0
  const lie = (view: Uint8Array) =>
    Object.defineProperties(view, {
      byteLength: { get: () => (asked++ % 2 === 0 ? 256 : 100_000) },
      byteOffset: { get: () => (asked++ % 2 === 0 ? pooled.byteOffset : victim.byteOffset + 512) },
      buffer: { get: () => (asked++ % 2 === 0 ? pooled.buffer : new ArrayBuffer(4)) },
      length: { get: () => 2 ** 30 },
    })
  class Liar extends Uint8Array {
    override get byteLength(): number {
      return 1e6
    }
  }
  for (const view of [lie(bufferPool.allocate(256)), lie(new Uint8Array(256)), new Liar(256)]) {
    const around = bufferPool.allocate(65_536)
    for (const prep of [
      (sqe: Sqe) => sqe.prepRead(reader, view, -1),
      (sqe: Sqe) => sqe.prepReadv(reader, [view], -1),
    ]) {
      sys.write(writer, Buffer.alloc(3000, 5))
      expect(ring.run(prep)).toBe(256)
      expect(Uint8Array.prototype.slice.call(view).every((byte) => byte === 5)).toBe(true)
      expect(sys.read(reader, Buffer.alloc(5000))).toBe(3000 - 256)
    }
    expect([around, victim].every((each) => each.every((byte) => byte === 0))).toBe(true)
  }
  closeAll(reader, writer)
})

test('X3: arrays and messages whose getters do anything are asked once, before anything is prepared', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets()
  const memory = new ArrayBuffer(8)
  const inner: number[] = []
  let asked = 0
  class Strange extends Array<Uint8Array> {
    static override get [Symbol.species](): ArrayConstructor {
      throw new Error('species')
    }
    override map(): never {
      throw new Error('map')
    }
  }
  const buffers = new Strange()
  buffers.push(new Uint8Array(memory), new Uint8Array(1))
  Object.defineProperty(buffers, 1, {
    get() {
      asked++
      structuredClone(memory, { transfer: [memory] })
      ring.monitor.addSqe((sqe) => sqe.prepNop(), { complete: (res) => void inner.push(res) })
      return new Uint8Array(4)
    },
  })
  expect(() => ring.add((sqe) => sqe.prepReadv(a, buffers, -1))).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  const endless = new Proxy([new Uint8Array(1)], {
    get: (target, name) => (name === 'length' ? asked++ && 3 : target[0]),
  })
  sys.write(b, Buffer.from('abcde'))
  expect(ring.run((sqe) => sqe.prepReadv(a, endless, -1))).toBe(3)
  const own: SqeMessage = {
    get buffers() {
      ring.look()
      return [new Uint8Array(10)]
    },
    set addressLength(_: number) {
      ring.look()
    },
  }
  expect(ring.run((sqe) => sqe.prepRecvmsg(a, own, 0))).toBe(2)
  const { proxy, revoke } = Proxy.revocable<ArrayBufferView[]>([], {})
  revoke()
  expect(() => ring.add((sqe) => sqe.prepReadv(a, proxy, -1))).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  const self = {
    get buffers(): ArrayBufferView[] {
      current!.prepNop()
      return []
    },
  }
  let current: Sqe | null = null
  expect(() =>
    ring.add((sqe) => {
      current = sqe
      sqe.prepSendmsg(a, self, 0)
    }),
  ).toThrow(code('ERR_AIO_NOT_PREPARED'))
  expect([asked, inner]).toEqual([2, [0]])
  closeAll(a, b)
})

test('X3: a message that cannot be written to is refused, and what becomes so in flight makes it EFAULT', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets()
  const bytes = new Uint8Array(4)
  const frozen = Object.freeze({ buffers: [bytes] })
  expect(() => ring.add((sqe) => sqe.prepRecvmsg(a, frozen, 0))).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  sys.write(b, Buffer.from('kept'))
  expect(ring.run((sqe) => sqe.prepSendmsg(b, frozen, 0))).toBe(4)
  const later: SqeMessage = { buffers: [bytes] }
  const read = ring.add((sqe) => sqe.prepRecvmsg(a, later, 0))
  Object.freeze(later)
  ring.until(() => read.isDone)
  expect(read.results).toEqual([-sys.EFAULT])
  closeAll(a, b)
})

test('X4: a group that is closed while a request waits for one of its buffers keeps its memory until then', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
  const group = ring.monitor.createBufferGroup(4, 256)
  const receive = ring.add((sqe) => {
    sqe.prepRecvMultishot(a, group, 0)
    sqe.async()
  })
  ring.look()
  group.close()
  const others = Array.from({ length: 5000 }, () => bufferPool.allocate(256))
  sys.send(b, new Uint8Array(200).fill(3), 0, 200, 0)
  ring.until(() => receive.results.length > 0)
  if (!receive.isDone) {
    receive.request.cancel()
    ring.until(() => receive.isDone)
  }
  expect(others.every((view) => view.every((byte) => byte === 0))).toBe(true)
  for (const view of others) bufferPool.free(view)
  expect(() => ring.add((sqe) => sqe.prepRecvMultishot(a, group, 0))).toThrow(code('ERR_AIO_CLOSED'))
  closeAll(a, b)
})

test('X3: a group of another ring, and what is none, is refused', () => {
  using ring = new TestRing()
  using other = new TestRing()
  const foreign = other.monitor.createBufferGroup(4, 16)
  const own = ring.monitor.createBufferGroup(4, 16)
  for (const group of [foreign, {}, null, 0, new Proxy(own, {}), Object.create(own)] as never[])
    expect(() => ring.add((sqe) => sqe.prepRecvMultishot(0, group, 0))).toThrow(
      code('ERR_AIO_INVALID_ARG_TYPE'),
    )
})

test('U4: a view of 5 GiB is read and written as far as the kernel goes at once', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  let huge: Uint8Array
  try {
    huge = new Uint8Array(5 * 2 ** 30)
  } catch {
    // This Node has no arrays of that length.
    huge = new Uint8Array(2 ** 32 - 4096)
  }
  sys.write(writer, Buffer.from('abc'))
  expect(ring.run((sqe) => sqe.prepRead(reader, huge, -1))).toBe(3)
  expect(Buffer.from(huge.buffer, 0, 4).toString()).toBe('abc\0')
  sys.write(writer, Buffer.from('defg'))
  expect(ring.run((sqe) => sqe.prepReadv(reader, [huge.subarray(2 ** 31), new Uint8Array(1)], -1))).toBe(4)
  expect(Buffer.from(huge.buffer, 2 ** 31, 4).toString()).toBe('defg')
  closeAll(reader, writer)
})
