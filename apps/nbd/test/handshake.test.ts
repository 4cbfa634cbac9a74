import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientFlags, option } from '../src/client/negotiate.ts'
import { MAX_OPTION_DATA, MAX_STEP_REPLY, ServerHandshake } from '../src/protocol/handshake.ts'
import { type ExportInfo, greeting, infoRequest, parseInfoRequest } from '../src/protocol/options.ts'

const info: ExportInfo = { name: 'disk', description: 'raw image', size: 0x1_2345_6789, readOnly: false }

/** Feeds a stream in parts, as a connection does. */
function negotiate(stream: Uint8Array, cuts: readonly number[] = [], about: ExportInfo = info) {
  let replies = Buffer.alloc(0)
  const handshake = new ServerHandshake(about, (bytes) => {
    replies = Buffer.concat([replies, bytes])
  })
  let pending = Buffer.alloc(0)
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    pending = Buffer.concat([pending, stream.subarray(at, Math.max(at, cut))])
    at = Math.max(at, cut)
    for (;;) {
      const before = replies.length
      const taken = handshake.step(pending)
      expect(taken).toBeLessThanOrEqual(pending.length)
      expect(replies.length - before).toBeLessThanOrEqual(MAX_STEP_REPLY)
      if (taken === 0) break
      pending = pending.subarray(taken)
    }
  }
  return { state: handshake.state, replies: replies.toString('hex'), left: pending.toString('hex') }
}

function stream(...parts: Uint8Array[]): Buffer {
  return Buffer.concat([clientFlags(3), ...parts])
}

/** A reply to an option, in hexadecimal. */
function reply(number: number, type: string, data = ''): string {
  const hex = (value: number): string => value.toString(16).padStart(8, '0')
  return `0003e889045565a9${hex(number)}${type}${hex(data.length / 2)}${data}`
}
const ACK = '00000001'
const UNSUP = '80000001'
const INVALID = '80000003'
const UNKNOWN = '80000006'
const EXPORT_BLOCK = '0000' + '0000000123456789' + '010d'

test('the greeting is the one of fixed newstyle, without zeroes for who does not want them', () => {
  expect(Buffer.from(greeting()).toString('hex')).toBe('4e42444d41474943' + '49484156454f5054' + '0003')
})

test('OPT_GO describes the export and ends the handshake', () => {
  const rest = Buffer.from('requests')
  const result = negotiate(stream(option(7, infoRequest('disk', [])), rest))
  expect(result.state).toBe('transmission')
  expect(result.replies).toBe(reply(7, '00000003', EXPORT_BLOCK) + reply(7, ACK))
  expect(result.left).toBe(rest.toString('hex'))
})

test('OPT_INFO answers what was asked, once, ignores what it does not know, and goes on', () => {
  const result = negotiate(stream(option(6, infoRequest('', [3, 1, 99, 2, 3, 0]))))
  expect(result.state).toBe('options')
  expect(result.replies).toBe(
    reply(6, '00000003', EXPORT_BLOCK) +
      reply(6, '00000003', '0003' + '00000001' + '00001000' + '02000000') +
      reply(6, '00000003', `0001${Buffer.from('disk').toString('hex')}`) +
      reply(6, '00000003', `0002${Buffer.from('raw image').toString('hex')}`) +
      reply(6, ACK),
  )
})

test('a read-only export says so', () => {
  const result = negotiate(stream(option(7, infoRequest('', []))), [], { ...info, readOnly: true })
  expect(result.replies).toContain('0000000123456789' + '010f')
})

test('OPT_EXPORT_NAME ends the handshake, with and without zeroes', () => {
  const name = option(1, Buffer.from('disk'))
  expect(negotiate(stream(name))).toEqual({
    state: 'transmission',
    replies: '0000000123456789010d',
    left: '',
  })
  const old = Buffer.concat([clientFlags(1), name])
  expect(negotiate(old).replies).toBe(`0000000123456789010d${'00'.repeat(124)}`)
})

test('OPT_LIST names the export', () => {
  const entry = `00000004${Buffer.from('diskraw image').toString('hex')}`
  expect(negotiate(stream(option(3))).replies).toBe(reply(3, '00000002', entry) + reply(3, ACK))
  expect(negotiate(stream(option(3, Buffer.from('x')))).replies).toContain(reply(3, INVALID).slice(0, 32))
})

test('OPT_ABORT is acknowledged and ends the connection', () => {
  expect(negotiate(stream(option(2), option(3)))).toMatchObject({ state: 'closing', replies: reply(2, ACK) })
})

test.each([
  ['OPT_PEEK_EXPORT', 4],
  ['OPT_STARTTLS', 5],
  ['OPT_STRUCTURED_REPLY', 8],
  ['OPT_LIST_META_CONTEXT', 9],
  ['OPT_SET_META_CONTEXT', 10],
  ['an option that nobody knows', 0xffff_ffff],
])('%s is not supported, and the client may go on', (_name, number) => {
  const result = negotiate(stream(option(number, Buffer.from('data')), option(2)))
  expect(result.replies).toBe(reply(number, UNSUP) + reply(2, ACK))
})

test('an export of another name is unknown', () => {
  for (const number of [6, 7]) {
    const result = negotiate(stream(option(number, infoRequest('tape', []))))
    expect(result.replies).toContain(reply(number, UNKNOWN).slice(0, 32))
    expect(result.state).toBe('options')
  }
  expect(negotiate(stream(option(1, Buffer.from('tape'))))).toMatchObject({ state: 'closing', replies: '' })
})

test('lengths that do not add up are invalid', () => {
  const good = infoRequest('disk', [0])
  for (const data of [
    good.subarray(0, 5),
    good.subarray(0, -1),
    Buffer.concat([good, good]),
    Buffer.alloc(0),
  ]) {
    const result = negotiate(stream(option(7, data)))
    expect(result.replies).toContain(reply(7, INVALID).slice(0, 32))
    expect(result.state).toBe('options')
  }
})

test('a client that sets a flag which was not offered is dropped', () => {
  expect(negotiate(Buffer.concat([clientFlags(4), option(2)]))).toMatchObject({
    state: 'closing',
    replies: '',
  })
})

test('wrong magic ends the connection', () => {
  const wrong = Buffer.from(option(2))
  wrong[7]! ^= 1
  expect(negotiate(stream(wrong))).toMatchObject({ state: 'closing', replies: '' })
})

test('an option with too much data ends the connection before the data has come', () => {
  const header = Buffer.from(option(9))
  header.writeUInt32BE(MAX_OPTION_DATA + 1, 12)
  expect(negotiate(stream(header))).toMatchObject({ state: 'closing', replies: '' })
  expect(negotiate(stream(option(9, Buffer.alloc(MAX_OPTION_DATA)))).replies).toBe(reply(9, UNSUP))
})

test('an export with the longest name and description fits into a step', () => {
  const long = { ...info, name: 'n'.repeat(4096), description: 'd'.repeat(4096) }
  negotiate(stream(option(3), option(6, infoRequest('', [0, 1, 2, 3]))), [], long)
})

test('a request for information is the same after writing and reading it', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.nat(0xffff)), (name, kinds) => {
      expect(parseInfoRequest(infoRequest(name, kinds))).toEqual({
        name: Buffer.from(name).toString(),
        kinds,
      })
    }),
  )
})

const anyOption = fc.oneof(
  fc.record({ number: fc.nat(12), data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({
    number: fc.constantFrom(6, 7),
    data: fc
      .tuple(fc.constantFrom('', 'disk', 'tape'), fc.array(fc.nat(5), { maxLength: 6 }))
      .map(([name, kinds]) => infoRequest(name, kinds)),
  }),
)
const anyStream = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 3, 4),
    fc.array(anyOption, { maxLength: 6 }),
    fc.uint8Array({ maxLength: 30 }),
  )
  .map(([flags, options, garbage]) =>
    Buffer.concat([clientFlags(flags), ...options.map(({ number, data }) => option(number, data)), garbage]),
  )

test('a handshake is the same however the stream is cut', () => {
  fc.assert(
    fc.property(anyStream, fc.array(fc.nat(1000)), (bytes, cuts) => {
      const sorted = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
      expect(negotiate(bytes, sorted)).toEqual(negotiate(bytes))
      expect(negotiate(bytes, Array.from(bytes.keys()))).toEqual(negotiate(bytes))
    }),
  )
})

test('no bytes whatever make the handshake throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      negotiate(bytes)
      negotiate(stream(bytes))
    }),
  )
})
