import { type Block, lengthOf } from '@aiokit/buffer-pool'
import type { UringRequest } from './request.ts'

/** sizeof(struct iovec) */
export const IOVEC_SIZE = 16

/** An array of struct iovec, at `offset` of `block`. */
export function writeVector(
  request: UringRequest,
  block: Block,
  offset: number,
  views: readonly ArrayBufferView[],
  isRead: boolean,
): void {
  const vector = new DataView(block.bytes.buffer, block.bytes.byteOffset + offset)
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!
    writeWide(vector, IOVEC_SIZE * i, isRead ? request.target(view) : request.source(view))
    writeWide(vector, IOVEC_SIZE * i + 8, lengthOf(view))
  }
}

/** 64 bits in two halves. */
export function writeWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}
