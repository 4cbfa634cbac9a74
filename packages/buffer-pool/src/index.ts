export type { Block } from './block.ts'
export { type BufferPool, bufferPool } from './buffer-pool.ts'
export { bufferOf, isGone, lengthOf, offsetOf, requireView } from './view.ts'
