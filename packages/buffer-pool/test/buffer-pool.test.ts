import { addressOf } from '@aiokit/sys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bufferOf, bufferPool, isGone, lengthOf, offsetOf, requireView } from '../src/index.ts'

/** Node 20 has them, and TypeScript's library of that time has not. */
type ResizableBuffers = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void }

const code = (value: string) => expect.objectContaining({ code: value })

test('no two buffers that are allocated share a byte, and each keeps what was written to it', () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        size: fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constantFrom(256, 257, 4096)),
      }),
    },
    { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const held: { view: Uint8Array; mark: number }[] = []
      let mark = 0
      for (const one of steps) {
        if ('size' in one) {
          const view = bufferPool.allocate(one.size)
          expect(view.length).toBe(one.size)
          expect(view[0]! | view[one.size - 1]!).toBe(0)
          mark = (mark % 255) + 1
          held.push({ view: view.fill(mark), mark })
        } else if (held.length > 0) {
          for (const { view } of held.splice(one.free % held.length, 1)) bufferPool.free(view)
        }
      }
      for (const { view, mark } of held) {
        expect(view.every((byte) => byte === mark)).toBe(true)
        bufferPool.free(view)
      }
    }),
    { numRuns: 50 },
  )
})

test('buffers of a page and more begin with a page', () => {
  for (const size of [4096, 5000, 65_536, 1 << 21]) {
    const view = bufferPool.allocate(size)
    expect(addressOf(view) % 4096).toBe(0)
    bufferPool.free(view)
  }
})

test('X3: a buffer is given back once, and only what was allocated is taken back', () => {
  const view = bufferPool.allocate(1000)
  for (const other of [new Uint8Array(1000), new Uint8Array(view.buffer), view.subarray(1)])
    expect(() => bufferPool.free(other)).toThrow(code('ERR_AIO_NOT_ALLOCATED'))
  bufferPool.free(view.subarray(0, 10))
  expect(() => bufferPool.free(view)).toThrow(code('ERR_AIO_NOT_ALLOCATED'))
  for (const size of [0, -1, 1.5, 2 ** 32, Number.NaN])
    expect(() => bufferPool.allocate(size)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  expect(() => bufferPool.allocate('1' as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
})

test('X3: it cannot be detached', () => {
  const view = bufferPool.allocate(4096)
  expect(() => structuredClone(view, { transfer: [view.buffer as never] })).toThrow()
  expect(view.length).toBe(4096)
  bufferPool.free(view)
})

test('a block that is pinned is given to nobody else before it is unpinned', () => {
  const block = bufferPool.take(64 * 1024)
  block.pin()
  block.release()
  block.release()
  const others = Array.from({ length: 40 }, () => bufferPool.take(64 * 1024))
  expect(others).not.toContain(block)
  for (const other of others) other.release()
  block.unpin()
  const later = Array.from({ length: 40 }, () => bufferPool.take(64 * 1024))
  expect(later.some((other) => other === block)).toBe(true)
  expect(new Set(later).size).toBe(later.length)
  for (const other of later) other.release()
})

test('a view is found in its block while that is allocated, and nowhere else', () => {
  const view = bufferPool.allocate(3000)
  const block = bufferPool.find(view)!
  expect(bufferPool.find(view.subarray(10, 20))).toBe(block)
  expect(bufferPool.find(new DataView(view.buffer, view.byteOffset, 5))).toBe(block)
  // All of the slab, or bytes of two blocks.
  expect(bufferPool.find(new Uint8Array(view.buffer))).toBeNull()
  expect(bufferPool.find(new Uint8Array(view.buffer, view.byteOffset, 4097))).toBeNull()
  expect(bufferPool.find(new Uint8Array(8))).toBeNull()
  bufferPool.free(view)
  expect(bufferPool.find(view)).toBeNull()
})

test('what allocate() gave tells where it is as any other view of the same bytes does', () => {
  const view = bufferPool.allocate(3000)
  const same = new Uint8Array(view.buffer, view.byteOffset, 3000)
  for (const one of [view, same]) {
    expect(bufferOf(one)).toBe(view.buffer)
    expect([offsetOf(one), lengthOf(one)]).toEqual([view.byteOffset, 3000])
    expect(isGone(one)).toBe(false)
    expect(bufferPool.find(one)).toMatchObject({ isOwned: true, offset: view.byteOffset })
  }
  expect(bufferPool.find(same)).toBe(bufferPool.find(view))
  // Nor can it be made to say something else.
  Object.defineProperties(view, { byteOffset: { value: 0 }, byteLength: { value: 1 << 30 } })
  expect([offsetOf(view), lengthOf(view)]).toEqual([same.byteOffset, 3000])
  bufferPool.free(view)
  expect(bufferPool.find(same)).toBe(null)
})

test('X3: what shows no memory, or none any more, is refused by its name, and an empty view is not', () => {
  const gone = new ArrayBuffer(8)
  const shrunk = new (ArrayBuffer as unknown as ResizableBuffers)(16, { maxByteLength: 16 })
  const views = [gone, shrunk].flatMap((memory) => [
    new Uint8Array(memory, 0, 8),
    new DataView(memory, 0, 8),
    new Float64Array(memory, 0, 1),
  ])
  for (const view of [...views, new Uint8Array(0), new DataView(gone, 8), bufferPool.allocate(1)])
    expect(requireView(view, 'out')).toBe(view)
  structuredClone(gone, { transfer: [gone] })
  shrunk.resize(4)
  for (const wrong of [...views, null, 'text', new ArrayBuffer(8), new Proxy(new Uint8Array(1), {})])
    expect(() => requireView(wrong as Uint8Array, 'out')).toThrow(
      expect.objectContaining({
        code: 'ERR_AIO_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^"out" /),
      }),
    )
})

test('X6: buffers that are never given back are collected', () => {
  const collect = () => {
    // What the first finds dead is let go of by the second at the latest.
    globalThis.gc!()
    globalThis.gc!()
    return process.memoryUsage().arrayBuffers
  }
  const before = collect()
  for (let i = 0; i < 50_000; i++) bufferPool.allocate(4096)
  expect(collect() - before).toBeLessThan(50e6)
})
