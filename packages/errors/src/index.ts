export type { AioErrorCode } from './aio-error.ts'
export { aioError, aioRangeError, aioTypeError } from './aio-error.ts'
export {
  describe,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
} from './require.ts'
