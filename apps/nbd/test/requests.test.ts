import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CMD_WRITE, REQUEST_SIZE } from '../src/protocol/constants.ts'
import {
  errorOf,
  NEED_MORE,
  PAYLOAD,
  PIECE_ALIGNMENT,
  putReply,
  REQUEST,
  RequestParser,
  WRONG_MAGIC,
} from '../src/protocol/requests.ts'
import { getUint64, setUint64, viewOf } from '../src/protocol/wire.ts'
import { request } from './support/raw-client.ts'

test('a 64-bit number is the same after writing and reading it, and is big-endian', () => {
  const view = new DataView(new ArrayBuffer(8))
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      setUint64(view, 0, value)
      expect(view.getBigUint64(0)).toBe(BigInt(value))
      expect(getUint64(view, 0)).toBe(value)
    }),
  )
})

test('a number beyond 2**53 stays beyond it', () => {
  const view = new DataView(new ArrayBuffer(8))
  fc.assert(
    fc.property(fc.bigInt(2n ** 53n, 2n ** 64n - 1n), (value) => {
      view.setBigUint64(0, value)
      expect(getUint64(view, 0)).toBeGreaterThanOrEqual(2 ** 53)
    }),
  )
})

const anyRequest = fc.record({
  type: fc.oneof(fc.constantFrom(0, 1, 1, 2, 3, 4), fc.nat(0xffff)),
  flags: fc.nat(0xffff),
  offset: fc.oneof(fc.nat(100_000), fc.maxSafeNat()),
  cookie: fc.nat(0xffff_ffff),
  length: fc.oneof(fc.nat(20_000), fc.nat(0xffff_ffff)),
})

/** What a server would do: it keeps what was not taken and gives it again with more behind it. */
function parse(stream: Buffer, cuts: readonly number[]): { found: unknown[]; kept: number } {
  const parser = new RequestParser()
  const found: unknown[] = []
  let pending = Buffer.alloc(0)
  let payload: Buffer[] = []
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    pending = Buffer.concat([pending, stream.subarray(at, Math.max(at, cut))])
    at = Math.max(at, cut)
    for (;;) {
      const what = parser.next(viewOf(pending), 0, pending.length)
      if (what === NEED_MORE) break
      const taken = pending.subarray(0, parser.taken)
      pending = pending.subarray(parser.taken)
      if (what === WRONG_MAGIC) return { found: [...found, 'wrong magic'], kept: pending.length }
      if (what === REQUEST) {
        const { type, flags, offset, length, cookieHigh, cookieLow } = parser
        found.push({ type, flags, offset, length, cookieHigh, cookieLow })
        payload = []
      } else {
        expect(what).toBe(PAYLOAD)
        const before = payload.reduce((sum, piece) => sum + piece.length, 0)
        expect(parser.position).toBe(parser.offset + before)
        payload.push(Buffer.from(taken))
        if (parser.payloadLeft === 0) found.push(Buffer.concat(payload).toString('hex'))
      }
    }
    expect(pending.length).toBeLessThan(Math.max(REQUEST_SIZE, PIECE_ALIGNMENT))
  }
  return { found, kept: pending.length }
}

test('requests are the same however the stream is cut', () => {
  const stream = fc.array(anyRequest, { maxLength: 8 }).map((requests) =>
    Buffer.concat(
      requests.map((fields) =>
        fields.type === CMD_WRITE
          ? request({
              ...fields,
              length: fields.length % 20_000,
              payload: Buffer.alloc(fields.length % 20_000, 7),
            })
          : request(fields),
      ),
    ),
  )
  fc.assert(
    fc.property(stream, fc.array(fc.nat(100_000)), (bytes, cuts) => {
      const whole = parse(bytes, [])
      expect(whole.kept).toBe(0)
      const sorted = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
      expect(parse(bytes, sorted)).toEqual(whole)
    }),
  )
})

test('requests are the same when they come byte by byte', () => {
  const bytes = Buffer.concat([
    request({ type: 0, offset: 5, length: 4096 }),
    request({ type: 1, offset: 2 ** 40 + 1, payload: Buffer.alloc(5000, 1), flags: 1 }),
    request({ type: 3, cookie: 0xffff_ffff }),
    request({ type: 1, offset: 0, payload: Buffer.alloc(0) }),
    request({ type: 2 }),
  ])
  const whole = parse(bytes, [])
  expect(whole.found).toHaveLength(6)
  expect(parse(bytes, Array.from(bytes.keys()))).toEqual(whole)
})

test('a payload that arrives in parts is passed on in whole pages', () => {
  const parser = new RequestParser()
  const bytes = request({ type: 1, offset: 1000, payload: Buffer.alloc(10_000) })
  parser.next(viewOf(bytes), 0, bytes.length)
  expect(parser.next(viewOf(bytes), 0, 3095)).toBe(NEED_MORE)
  expect(parser.next(viewOf(bytes), 0, 3096)).toBe(PAYLOAD)
  expect([parser.position, parser.taken, parser.payloadLeft]).toEqual([1000, 3096, 6904])
  expect(parser.next(viewOf(bytes), 0, 6903)).toBe(PAYLOAD)
  expect([parser.position, parser.taken, parser.payloadLeft]).toEqual([4096, 4096, 2808])
  expect(parser.next(viewOf(bytes), 0, 2808)).toBe(PAYLOAD)
  expect([parser.position, parser.taken, parser.payloadLeft]).toEqual([8192, 2808, 0])
})

test('the payload of a write at an absurd offset is passed on too', () => {
  const header = request({ type: 1, length: 10_000 })
  header.writeBigUInt64BE(2n ** 64n - 1n, 16)
  const parser = new RequestParser()
  parser.next(viewOf(header), 0, header.length)
  const view = new DataView(new ArrayBuffer(10_000))
  expect(parser.next(view, 0, 1)).toBe(PAYLOAD)
  expect(parser.next(view, 0, 5000)).toBe(PAYLOAD)
  expect([parser.taken, parser.payloadLeft]).toEqual([5000, 4999])
})

test('whatever bytes come, the parser takes no more than there are and says so if they are no request', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const parser = new RequestParser()
      const what = parser.next(viewOf(bytes), 0, bytes.length)
      const isRequest = bytes.length >= REQUEST_SIZE && viewOf(bytes).getUint32(0) === 0x25609513
      expect(what).toBe(bytes.length < REQUEST_SIZE ? NEED_MORE : isRequest ? REQUEST : WRONG_MAGIC)
      expect(parser.taken).toBe(isRequest ? REQUEST_SIZE : 0)
    }),
  )
})

test('a reply is what the protocol says', () => {
  const bytes = Buffer.alloc(16)
  putReply(viewOf(bytes), 0, 28, 0xdeadbeef, 0xfffffffe)
  expect(bytes.toString('hex')).toBe('67446698' + '0000001c' + 'deadbeef' + 'fffffffe')
})

test('errors of the system become those of the protocol', () => {
  const errors = { 1: 1, 5: 5, 12: 12, 13: 1, 22: 22, 27: 28, 28: 28, 30: 1, 122: 28, 9: 5, 110: 5 }
  for (const [errno, nbd] of Object.entries(errors)) expect(errorOf(-Number(errno))).toBe(nbd)
})
