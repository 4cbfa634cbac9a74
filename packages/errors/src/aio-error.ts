/** Every misuse that aiokit detects throws an error whose `code` begins with `ERR_AIO_` (rule X2). */
export type AioErrorCode = `ERR_AIO_${string}`

function withCode<E extends Error>(
  error: E,
  code: AioErrorCode,
  skip: (...args: never[]) => unknown,
): E & { code: AioErrorCode } {
  // The stack should begin where the caller went wrong and not in here.
  Error.captureStackTrace(error, skip)
  return Object.assign(error, { code })
}

/** An `Error` for a state in which the call makes no sense. The message says what to do instead. */
export function aioError(
  code: AioErrorCode,
  message: string,
  options?: ErrorOptions,
): Error & { code: AioErrorCode } {
  return withCode(new Error(message, options), code, aioError)
}

/** A `TypeError`: a value of the wrong kind was passed. */
export function aioTypeError(code: AioErrorCode, message: string): TypeError & { code: AioErrorCode } {
  return withCode(new TypeError(message), code, aioTypeError)
}

/** A `RangeError`: the right kind of value, but outside what is allowed. */
export function aioRangeError(code: AioErrorCode, message: string): RangeError & { code: AioErrorCode } {
  return withCode(new RangeError(message), code, aioRangeError)
}
