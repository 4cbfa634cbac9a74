import { inspect } from 'node:util'
import { aioRangeError, aioTypeError } from './aio-error.ts'

/** How a rejected value appears in an error message: short, and never throwing itself. */
export function describe(value: unknown): string {
  let text: string
  try {
    text =
      typeof value === 'function'
        ? `function ${value.name}`
        : inspect(value, { depth: 0, customInspect: false, breakLength: Number.POSITIVE_INFINITY })
  } catch {
    // A getter or a trap of the value that throws, a name that is a symbol.
    text = `a value of type ${typeof value}`
  }
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/**
 * Returns `value` if it is an integer from `min` to `max` (both included).
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` if it is not a number
 * @throws RangeError `ERR_AIO_OUT_OF_RANGE` if it is not an integer or outside the range
 */
export function requireInteger(
  value: unknown,
  name: string,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number') {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"${name}" must be a number. Received ${describe(value)}.`)
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"${name}" must be an integer from ${min} to ${max}. Received ${describe(value)}.`,
    )
  }
  return value
}

/**
 * Returns `value` if it is a number from `min` to `max` (both included); NaN never is.
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` if it is not a number
 * @throws RangeError `ERR_AIO_OUT_OF_RANGE` if it is NaN or outside the range
 */
export function requireNumber(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"${name}" must be a number. Received ${describe(value)}.`)
  }
  if (!(value >= min && value <= max)) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"${name}" must be a number from ${min} to ${max}. Received ${describe(value)}.`,
    )
  }
  return value
}

/**
 * Returns `value` if it is a function.
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` otherwise
 */
export function requireFunction<F extends (...args: never[]) => unknown>(value: F, name: string): F {
  if (typeof value !== 'function') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" must be a function. Received ${describe(value)}.`,
    )
  }
  return value
}

/**
 * Returns `value` if it is a string, the empty one included.
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` otherwise
 */
export function requireString(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"${name}" must be a string. Received ${describe(value)}.`)
  }
  return value
}

/**
 * Returns `value` if it is true or false: what is merely true-like is more often a mistake than meant.
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` otherwise
 */
export function requireBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" must be a boolean. Received ${describe(value)}.`,
    )
  }
  return value
}

/**
 * Returns `value` if it is an object whose properties can be read: not null, and no function, which is what a caller
 * passes who has mixed up two arguments.
 *
 * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE` otherwise
 */
export function requireObject<T extends object>(value: T, name: string): T {
  if (typeof value !== 'object' || value === null) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" must be an object. Received ${describe(value)}.`,
    )
  }
  return value
}
