export { AioIo, type AioIoOptions } from './aio-io.ts'
export type { IoDone, IoRequest } from './operation.ts'
