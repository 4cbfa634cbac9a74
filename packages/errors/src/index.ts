export type { AioErrorCode } from './aio-error.ts'
export { aioError, aioRangeError, aioTypeError } from './aio-error.ts'
export { describe, requireFunction, requireInteger, requireNumber } from './require.ts'
