import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PlainData } from '../src/plain-data.ts'

const SIZE = 4096
const memory = new SharedArrayBuffer(SIZE + 16)
const data = new PlainData(memory)

/** What JSON has, and the numbers that it has not. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary-ascii' }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, Number.NaN, 2 ** 31, -(2 ** 31), '\u00ff', '\u0100', '\ud800'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5 }),
  ),
})).value

test('W1: plain values come out as structuredClone would make them', () => {
  fc.assert(
    fc.property(plain, fc.nat(15), (value, start) => {
      const written = data.write(value, start, SIZE)
      fc.pre(written > 0)
      expect(data.read(start)).toStrictEqual(structuredClone(value))
    }),
    { numRuns: 2000 },
  )
})

test('W1: whatever else is refused, or comes out as structuredClone would make it', () => {
  const anything = fc.anything({
    withDate: true,
    withMap: true,
    withSet: true,
    withBigInt: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
    withObjectString: true,
  })
  fc.assert(
    fc.property(anything, (value) => {
      if (data.write(value, 0, SIZE) < 0) return
      expect(data.read(0)).toStrictEqual(structuredClone(value))
    }),
    { numRuns: 3000 },
  )
})

const circular: unknown[] = []
circular.push(circular)
const shared = {}
class Point {
  x = 1
}

test.each([
  ['a function', () => {}],
  ['a symbol', Symbol('x')],
  ['a bigint', 5n],
  ['a class', new Point()],
  ['a Map', new Map()],
  ['an Error', new Error('x')],
  ['bytes', new Uint8Array(3)],
  ['a hole', new Array(3)],
  ['a named property of an array', Object.assign([1], { name: 1 })],
  ['a subclass of Array', new (class extends Array {})()],
  ['itself', circular],
  ['the same object twice', [shared, shared]],
  ['a property __proto__', JSON.parse('{"__proto__": 1}')],
  ['something of it in an object', { a: [{ b: new Date() }] }],
  ['a hole made good by a name', Object.assign(new Array(3), { 0: 1, 2: 3, x: 1 })],
  ['a proxy', new Proxy({}, {})],
  [
    'arguments',
    (function () {
      // biome-ignore lint/complexity/noArguments: it is what is tested
      return arguments
    })(),
  ],
])('W1: %s is refused', (_name, value) => {
  expect(data.write(value, 0, SIZE)).toBe(-1)
})

test('W1: what does not fit is refused and nothing beyond the room is written', () => {
  fc.assert(
    fc.property(plain, (value) => {
      const needed = data.write(value, 0, SIZE)
      fc.pre(needed > 0)
      const bytes = new Uint8Array(memory)
      for (let room = 0; room < needed; room++) {
        bytes.fill(0xaa, room)
        expect(data.write(value, 0, room)).toBe(-1)
        expect(bytes.subarray(room).every((byte) => byte === 0xaa)).toBe(true)
      }
      expect(data.write(value, 0, needed)).toBe(needed)
    }),
    { numRuns: 200 },
  )
})

test('W1: what all objects have does not get into the way', () => {
  Object.defineProperty(Object.prototype, 'inTheWay', { value: 1, writable: false, configurable: true })
  try {
    expect(data.write({ inTheWay: 2 }, 0, SIZE)).toBeGreaterThan(0)
    expect(Object.entries(data.read(0) as object)).toEqual([['inTheWay', 2]])
  } finally {
    delete (Object.prototype as { inTheWay?: unknown }).inTheWay
  }
})

test('X1: a getter that writes another value does not get into the way', () => {
  const value = {
    get a() {
      return data.write([1, 2, 3], 0, SIZE)
    },
    b: 'b',
  }
  expect(data.write(value, 0, SIZE)).toBeGreaterThan(0)
  expect(data.read(0)).toEqual({ a: -1, b: 'b' })
})

test('X1: a getter that throws leaves it in order', () => {
  const thrower = {
    get a() {
      throw new Error('on purpose')
    },
  }
  const value = { thrower }
  expect(() => data.write(value, 0, SIZE)).toThrow('on purpose')
  expect(() => data.write(value, 0, SIZE)).toThrow('on purpose')
  expect(data.write({ thrower: 1 }, 0, SIZE)).toBeGreaterThan(0)
})
