// NBD is big-endian, which is what DataView does unless told otherwise.

/**
 * A 64-bit number without a BigInt. Exact up to 2**53; beyond it is rounded, but stays beyond, and so beyond the end
 * of every image too.
 */
export function getUint64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4)
}

/** @param value an integer from 0 to 2**53 */
export function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value / 0x1_0000_0000)
  // ToUint32 takes the value modulo 2**32.
  view.setUint32(at + 4, value)
}

/** A view of the same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
