import { isDeepStrictEqual } from 'node:util'
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
    // Names that are alike.
    fc.dictionary(fc.constantFrom('', 'a', 'b', 'axb', 'ayb', 'a\u00ffb', 'a\u0100b'), tie('value')),
    // Of all lengths.
    fc.nat(40).map((length) => 'abcdefgh'.repeat(5).slice(0, length)),
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
  [
    'a getter',
    {
      get a() {
        return 1
      },
    },
  ],
  ['a setter', { set a(_: number) {} }],
  ['a getter in an array', Object.defineProperty([1, 2], 1, { get: () => 2, enumerable: true })],
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

/** All that can be made and is not plain, with a property of its own or without, as if it were. */
const disguised = fc
  .tuple(
    fc.constantFrom<(() => object)[]>(
      () => new Map([[1, 2]]),
      () => new Set([1]),
      () => new Date(5),
      () => /x/g,
      () => new Error('x'),
      () => new TypeError('x'),
      () => new ArrayBuffer(3),
      () => new SharedArrayBuffer(3),
      () => new Uint8Array([1, 2]),
      () => new DataView(new ArrayBuffer(2)),
      () => Object(1),
      () => Object('text'),
      () => Object(true),
      () => Object(1n),
      () => Object(Symbol('s')),
      () => Promise.resolve(),
      () => new WeakMap(),
      () => new WeakSet(),
      () => (function* () {})(),
      () => (async function* () {})(),
      () => new Map().keys(),
      () => new Set().values(),
      () => () => {},
      () =>
        (function () {
          // biome-ignore lint/complexity/noArguments: it is what is tested
          return arguments
        })(),
      () => ({}),
      () => Object.create(null),
      () => [1, 2],
    ),
    fc.boolean(),
    fc.constantFrom(Object.prototype, Array.prototype, Map.prototype, null),
  )
  .map(([make, hasProperty, prototype]) => {
    const object = Object.setPrototypeOf(make(), prototype)
    return hasProperty ? Object.assign(object, { own: 1 }) : object
  })

/** These a clone refuses, and nothing tells what they are if they were given properties. */
const told = fc
  .constantFrom<(() => object)[]>(
    () => new WeakRef({}),
    () => new FinalizationRegistry(() => {}),
    () => new Intl.Collator(),
    () => [].values(),
    () => ''[Symbol.iterator](),
    () => new MessageChannel().port1,
    () => new Blob([]),
  )
  .map((make) => Object.setPrototypeOf(make(), Object.prototype))

test('W1: whatever was given another prototype is refused, or comes out as structuredClone would make it', () => {
  const value = fc.oneof(
    disguised,
    told,
    fc.array(disguised, { maxLength: 2 }),
    disguised.map((inner) => ({ a: 1, inner })),
  )
  fc.assert(
    fc.property(value, (what) => {
      if (data.write(what, 0, SIZE) < 0) return
      expect(data.read(0)).toStrictEqual(structuredClone(what))
    }),
    { numRuns: 3000 },
  )
})

test('W1: properties of all kinds: what is not refused comes out as structuredClone would make it, and no getter is run', () => {
  let runs = 0
  const property = fc.record({
    name: fc.oneof(
      fc.constantFrom('a', '0', '__proto__', 'constructor', 'toString'),
      fc.string().filter((name) => name !== 'length'),
    ),
    kind: fc.constantFrom('value', 'getter', 'setter', 'symbol'),
    enumerable: fc.boolean(),
    value: plain,
  })
  fc.assert(
    fc.property(fc.boolean(), fc.array(property, { maxLength: 4 }), (isArray, properties) => {
      const object: object = isArray ? [0] : {}
      for (const { name, kind, enumerable, value } of properties) {
        const get = (): unknown => {
          runs++
          return value
        }
        const set = (): void => {}
        Object.defineProperty(object, kind === 'symbol' ? Symbol(name) : name, {
          enumerable,
          configurable: true,
          ...(kind === 'getter' ? { get } : kind === 'setter' ? { set } : { value, writable: true }),
        })
      }
      runs = 0
      const written = data.write(object, 0, SIZE)
      expect(runs).toBe(0)
      if (written >= 0) expect(isDeepStrictEqual(data.read(0), structuredClone(object))).toBe(true)
    }),
    { numRuns: 3000 },
  )
})
