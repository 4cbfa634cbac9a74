import fc from 'fast-check'
import { expect, describe as group, test } from 'vitest'
import {
  aioError,
  describe,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
} from '../src/index.ts'

group('X2: misuse throws an error with an ERR_AIO_ code and a sentence', () => {
  test('an integer in range comes back unchanged, anything else is refused', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const fits = typeof value === 'number' && Number.isInteger(value) && value >= -5 && value <= 7
        if (fits) expect(requireInteger(value, 'n', -5, 7)).toBe(value)
        else {
          expect(() => requireInteger(value, 'n', -5, 7)).toThrow(
            expect.objectContaining({
              code: expect.stringMatching(/^ERR_AIO_/),
              message: expect.stringContaining('"n"'),
            }),
          )
        }
      }),
    )
  })

  test('NaN is no number in any range, infinity is one where the range says so', () => {
    expect(() => requireNumber(Number.NaN, 't', 0, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }),
    )
    expect(requireNumber(Number.POSITIVE_INFINITY, 't', 0, Number.POSITIVE_INFINITY)).toBe(
      Number.POSITIVE_INFINITY,
    )
    expect(() => requireNumber('1', 't', 0, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  })

  test('a callback that is not a function is refused by name', () => {
    expect(() => requireFunction(42 as never, 'callback')).toThrow(
      '"callback" must be a function. Received 42.',
    )
    const f = () => 1
    expect(requireFunction(f, 'callback')).toBe(f)
  })

  test('a string, a boolean and an object come back unchanged, anything else is refused by name', () => {
    const kinds: [(value: never, name: string) => unknown, (value: unknown) => boolean, string][] = [
      [requireString, (value) => typeof value === 'string', 'a string'],
      [requireBoolean, (value) => value === true || value === false, 'a boolean'],
      [requireObject, (value) => typeof value === 'object' && value !== null, 'an object'],
    ]
    const values = fc.oneof(
      fc.anything({ withNullPrototype: true, withBigInt: true }),
      fc.constantFrom<unknown>(null, '', false, Symbol('s'), () => {}, Object('text'), Object(false)),
    )
    fc.assert(
      fc.property(fc.constantFrom(...kinds), values, ([check, fits, kind], value) => {
        if (fits(value)) expect(check(value as never, 'x')).toBe(value)
        else {
          expect(() => check(value as never, 'x')).toThrow(
            expect.objectContaining({
              name: 'TypeError',
              code: 'ERR_AIO_INVALID_ARG_TYPE',
              message: `"x" must be ${kind}. Received ${describe(value)}.`,
            }),
          )
        }
      }),
    )
  })

  test('whatever is described, the description is short and does not throw', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true }),
        (value) => describe(value).length <= 60,
      ),
    )
    expect(describe('x'.repeat(1000)).length).toBe(60)
  })

  test('a value that resists is described all the same', () => {
    const throwing = Object.create(
      new Proxy(
        {},
        {
          getOwnPropertyDescriptor() {
            throw new Error('no')
          },
        },
      ),
    )
    const nameless = Object.defineProperty(() => {}, 'name', { value: Symbol('s') })
    const longwinded = Object.defineProperty(() => {}, 'name', { value: 'x'.repeat(1000) })
    expect([throwing, nameless].map(describe)).toEqual(['a value of type object', 'a value of type function'])
    expect(describe(longwinded).length).toBe(60)
  })

  test('the stack begins at the caller, the cause is kept', () => {
    const cause = new Error('root')
    const error = (function caller() {
      return aioError('ERR_AIO_TEST', 'what to do', { cause })
    })()
    expect(error.stack?.split('\n')[1]).toContain('caller')
    expect(error.cause).toBe(cause)
  })
})
