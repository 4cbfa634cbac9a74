import fc from 'fast-check'
import { expect, test } from 'vitest'
import { REPLY_SIZE } from '../src/protocol/constants.ts'
import { BufferPool, CHUNK_SIZE } from '../src/server/buffer-pool.ts'
import { MAX_REPLIES, type Reply, ReplyQueue } from '../src/server/reply-queue.ts'

const ignore = { replied() {}, pieceFailed() {} }

/** What is ready, taken as if it was sent. */
function take(queue: ReplyQueue, count = Number.POSITIVE_INFINITY): Buffer {
  const sent: Buffer[] = []
  while (queue.readyStart < queue.readyEnd && count > 0) {
    const length = Math.min(queue.readyEnd - queue.readyStart, count)
    sent.push(Buffer.from(queue.chunk.bytes.subarray(queue.readyStart, queue.readyStart + length)))
    queue.sent(length)
    count -= length
  }
  return Buffer.concat(sent)
}

function expected(cookie: number, error: number, length: number): Buffer {
  const header = Buffer.alloc(REPLY_SIZE)
  header.writeUInt32BE(0x67446698)
  header.writeUInt32BE(error, 4)
  header.writeUInt32BE(cookie, 12)
  return Buffer.concat([header, Buffer.alloc(error === 0 ? length : 0, cookie)])
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), length: fc.oneof(fc.nat(50), fc.nat(400_000)) }),
  fc.record({ kind: fc.constant('end' as const), which: fc.nat(), error: fc.constantFrom(0, 0, 0, 5) }),
  fc.record({ kind: fc.constant('send' as const), count: fc.oneof(fc.nat(100), fc.nat(500_000)) }),
)

test('replies leave whole and in the order of their requests, in whatever order their operations end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const pool = new BufferPool()
      const queue = new ReplyQueue(ignore, pool)
      const all: { reply: Reply; cookie: number; length: number; error: number | null }[] = []
      const sent: Buffer[] = []
      const end = (item: (typeof all)[number], error: number): void => {
        item.error = error
        const { reply, length, cookie } = item
        if (error === 0) queue.chunk.bytes.fill(cookie, reply.dataStart, reply.dataStart + length)
        queue.finish(reply, error)
      }
      for (const action of steps) {
        const open = all.filter((item) => item.error === null)
        if (action.kind === 'begin') {
          if (!queue.hasRoom(REPLY_SIZE + action.length)) continue
          const cookie = all.length & 0xff
          const reply = queue.begin(0, cookie, action.length, true, false)
          all.push({ reply, cookie, length: action.length, error: null })
        } else if (action.kind === 'end') {
          if (open.length > 0) end(open[action.which % open.length]!, action.error)
        } else {
          sent.push(take(queue, action.count))
        }
      }
      for (const item of all.filter((one) => one.error === null).reverse()) end(item, 0)
      sent.push(take(queue))
      const wanted = Buffer.concat(all.map((item) => expected(item.cookie, item.error!, item.length)))
      expect(Buffer.concat(sent).equals(wanted)).toBe(true)
      expect([queue.isEmpty, queue.inFlight]).toEqual([true, 0])
      // All of the chunk is free again.
      expect(queue.hasRoom(CHUNK_SIZE)).toBe(true)
    }),
  )
})

test('no more replies are in flight than the queue has places for', () => {
  const queue = new ReplyQueue(ignore, new BufferPool())
  const replies = Array.from({ length: MAX_REPLIES }, () => queue.begin(0, 1, 0, true, false))
  expect(queue.hasRoom(REPLY_SIZE)).toBe(false)
  queue.finish(replies[0]!, 0)
  expect(queue.hasRoom(REPLY_SIZE)).toBe(true)
  const next = queue.begin(0, 2, 0, true, false)
  for (const reply of [...replies.slice(1), next]) queue.finish(reply, 0)
  expect(take(queue)).toHaveLength((MAX_REPLIES + 1) * REPLY_SIZE)
})

test('an operation that ends after the connection is closed gives its memory back and disturbs nobody', () => {
  const pool = new BufferPool()
  const queue = new ReplyQueue(ignore, pool)
  const reply = queue.begin(0, 1, 100, true, false)
  const { chunk } = queue
  reply.use(chunk)
  queue.close()
  const other = pool.take()
  expect(other).not.toBe(chunk)
  reply.complete(100)
  expect(pool.take()).toBe(chunk)
})
