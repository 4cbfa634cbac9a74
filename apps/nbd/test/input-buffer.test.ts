import { expect, test } from 'vitest'
import { BufferPool, type Chunk } from '../src/server/buffer-pool.ts'
import { InputBuffer } from '../src/server/input-buffer.ts'

/** Knows what was taken and not given back. */
class CountingPool extends BufferPool {
  readonly taken: Set<Chunk> = new Set()

  override take(): Chunk {
    const chunk = super.take()
    this.taken.add(chunk)
    return chunk
  }

  override put(chunk: Chunk): void {
    this.taken.delete(chunk)
    super.put(chunk)
  }
}

test.each([
  ['for a client with nothing pending', 0],
  ['behind the beginning of a long request', 10_000],
])('X4: what still comes after the end takes no memory (%s)', (_, pending) => {
  const pool = new CountingPool()
  const input = new InputBuffer(pool)
  if (pending > 0) {
    input.beginReceive()
    input.received(pending)
  }
  expect(input.beginReceive().length).toBeGreaterThan(10_000)
  input.close()
  input.received(10_000)
  input.settle()
  expect(pool.taken.size).toBe(0)
  expect(input.isEmpty).toBe(true)
})
