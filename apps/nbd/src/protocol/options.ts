import {
  EXPORT_NAME_PADDING,
  FLAG_CAN_MULTI_CONN,
  FLAG_FIXED_NEWSTYLE,
  FLAG_HAS_FLAGS,
  FLAG_NO_ZEROES,
  FLAG_READ_ONLY,
  FLAG_SEND_FLUSH,
  FLAG_SEND_FUA,
  INFO_BLOCK_SIZE,
  INFO_DESCRIPTION,
  INFO_EXPORT,
  INFO_NAME,
  MAX_PAYLOAD,
  NBD_MAGIC_HIGH,
  NBD_MAGIC_LOW,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  OPTION_REPLY_HEADER_SIZE,
  OPTION_REPLY_MAGIC_HIGH,
  OPTION_REPLY_MAGIC_LOW,
} from './constants.ts'
import { setUint64, viewOf } from './wire.ts'

/** What a server tells its clients about the one export that it has. */
export interface ExportInfo {
  /** What clients ask for; they may also ask for '', which is the default export by the protocol. */
  readonly name: string
  /** For people. */
  readonly description: string
  /** Bytes. */
  readonly size: number
  readonly readOnly: boolean
}

/** The server's first bytes. */
export function greeting(): Uint8Array {
  const bytes = new Uint8Array(18)
  const view = viewOf(bytes)
  view.setUint32(0, NBD_MAGIC_HIGH)
  view.setUint32(4, NBD_MAGIC_LOW)
  view.setUint32(8, OPTION_MAGIC_HIGH)
  view.setUint32(12, OPTION_MAGIC_LOW)
  view.setUint16(16, FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)
  return bytes
}

/** Every connection reads and writes through the one page cache, so what one has flushed all others see. */
function transmissionFlags(info: ExportInfo): number {
  const always = FLAG_HAS_FLAGS | FLAG_SEND_FLUSH | FLAG_SEND_FUA | FLAG_CAN_MULTI_CONN
  return info.readOnly ? always | FLAG_READ_ONLY : always
}

/** One reply to any option but OPT_EXPORT_NAME. */
export function optionReply(option: number, type: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(OPTION_REPLY_HEADER_SIZE + data.length)
  const view = viewOf(bytes)
  view.setUint32(0, OPTION_REPLY_MAGIC_HIGH)
  view.setUint32(4, OPTION_REPLY_MAGIC_LOW)
  view.setUint32(8, option)
  view.setUint32(12, type)
  view.setUint32(16, data.length)
  bytes.set(data, OPTION_REPLY_HEADER_SIZE)
  return bytes
}

/** The answer to OPT_EXPORT_NAME, which is older than replies. */
export function exportNameReply(info: ExportInfo, noZeroes: boolean): Uint8Array {
  const bytes = new Uint8Array(noZeroes ? 10 : 10 + EXPORT_NAME_PADDING)
  const view = viewOf(bytes)
  setUint64(view, 0, info.size)
  view.setUint16(8, transmissionFlags(info))
  return bytes
}

/** The data of REP_SERVER: a name with its length before it, and the description. */
export function serverEntry(info: ExportInfo): Uint8Array {
  const name = Buffer.from(info.name)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(name.length)
  return Buffer.concat([length, name, Buffer.from(info.description)])
}

/** The data of REP_INFO for one kind of information; null for a kind that this server does not know. */
export function infoBlock(kind: number, info: ExportInfo): Uint8Array | null {
  if (kind === INFO_NAME) return Buffer.concat([Uint8Array.of(0, INFO_NAME), Buffer.from(info.name)])
  if (kind === INFO_DESCRIPTION) {
    return Buffer.concat([Uint8Array.of(0, INFO_DESCRIPTION), Buffer.from(info.description)])
  }
  if (kind !== INFO_EXPORT && kind !== INFO_BLOCK_SIZE) return null
  const bytes = new Uint8Array(kind === INFO_EXPORT ? 12 : 14)
  const view = viewOf(bytes)
  view.setUint16(0, kind)
  if (kind === INFO_EXPORT) {
    setUint64(view, 2, info.size)
    view.setUint16(10, transmissionFlags(info))
  } else {
    // Any length at any offset is served; whole pages are served faster.
    view.setUint32(2, 1)
    view.setUint32(6, 4096)
    view.setUint32(10, MAX_PAYLOAD)
  }
  return bytes
}

/** The data of OPT_INFO and OPT_GO: which export, and what the client wants to know of it. */
export interface InfoRequest {
  readonly name: string
  readonly kinds: readonly number[]
}

/** Returns null if `data` is no such request. */
export function parseInfoRequest(data: Uint8Array): InfoRequest | null {
  if (data.length < 6) return null
  const view = viewOf(data)
  const nameLength = view.getUint32(0)
  if (nameLength > data.length - 6) return null
  const count = view.getUint16(4 + nameLength)
  if (data.length !== 6 + nameLength + 2 * count) return null
  const kinds = Array.from({ length: count }, (_, i) => view.getUint16(6 + nameLength + 2 * i))
  return { name: textOf(data.subarray(4, 4 + nameLength)), kinds }
}

export function infoRequest(name: string, kinds: readonly number[]): Uint8Array {
  const encoded = Buffer.from(name)
  const bytes = Buffer.alloc(6 + encoded.length + 2 * kinds.length)
  bytes.writeUInt32BE(encoded.length)
  bytes.set(encoded, 4)
  bytes.writeUInt16BE(kinds.length, 4 + encoded.length)
  kinds.forEach((kind, i) => {
    bytes.writeUInt16BE(kind, 6 + encoded.length + 2 * i)
  })
  return bytes
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
