import {
  FLAG_FIXED_NEWSTYLE,
  FLAG_NO_ZEROES,
  INFO_EXPORT,
  MAX_STRING,
  NBD_MAGIC_HIGH,
  NBD_MAGIC_LOW,
  OPT_GO,
  OPTION_HEADER_SIZE,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  OPTION_REPLY_HEADER_SIZE,
  OPTION_REPLY_MAGIC_HIGH,
  OPTION_REPLY_MAGIC_LOW,
  REP_ACK,
  REP_ERROR_BIT,
  REP_INFO,
} from '../protocol/constants.ts'
import { infoRequest, textOf } from '../protocol/options.ts'
import { getUint64, viewOf } from '../protocol/wire.ts'
import { Refusal } from '../refusal.ts'
import type { Exchange } from './exchange.ts'

/** What the client got to know of the export. */
export interface Negotiated {
  /** Bytes. */
  readonly size: number
  /** Transmission flags. */
  readonly flags: number
}

/**
 * The client's side of the handshake: fixed newstyle with OPT_GO, without any option beside it.
 *
 * @throws Refusal if the server does not speak it, or does not want to; and as `Exchange` does
 */
export function negotiate(exchange: Exchange, exportName: string): Negotiated {
  const greeting = viewOf(exchange.receive(18))
  const newstyle =
    greeting.getUint32(0) === NBD_MAGIC_HIGH &&
    greeting.getUint32(4) === NBD_MAGIC_LOW &&
    greeting.getUint32(8) === OPTION_MAGIC_HIGH &&
    greeting.getUint32(12) === OPTION_MAGIC_LOW
  const handshakeFlags = greeting.getUint16(16)
  if (!newstyle || (handshakeFlags & FLAG_FIXED_NEWSTYLE) === 0) {
    throw new Refusal('the server does not speak NBD with the fixed newstyle handshake')
  }
  exchange.send(clientFlags(FLAG_FIXED_NEWSTYLE | (handshakeFlags & FLAG_NO_ZEROES)))
  exchange.send(option(OPT_GO, infoRequest(exportName, [])))

  let negotiated: Negotiated | null = null
  for (;;) {
    const { type, data } = receiveReply(exchange)
    if (type === REP_ACK && negotiated !== null) return negotiated
    if (type >= REP_ERROR_BIT) {
      throw new Refusal(
        `the server refuses export "${exportName}": ${textOf(data) || `error ${type - REP_ERROR_BIT}`}`,
      )
    }
    const view = viewOf(data)
    if (type === REP_INFO && data.length === 12 && view.getUint16(0) === INFO_EXPORT) {
      negotiated = { size: getUint64(view, 2), flags: view.getUint16(10) }
    }
  }
}

export function clientFlags(flags: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, flags)
  return bytes
}

/** An option of a client with its data. */
export function option(number: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(OPTION_HEADER_SIZE + data.length)
  const view = viewOf(bytes)
  view.setUint32(0, OPTION_MAGIC_HIGH)
  view.setUint32(4, OPTION_MAGIC_LOW)
  view.setUint32(8, number)
  view.setUint32(12, data.length)
  bytes.set(data, OPTION_HEADER_SIZE)
  return bytes
}

function receiveReply(exchange: Exchange): { type: number; data: Uint8Array } {
  const header = viewOf(exchange.receive(OPTION_REPLY_HEADER_SIZE))
  const length = header.getUint32(16)
  const magic =
    header.getUint32(0) === OPTION_REPLY_MAGIC_HIGH && header.getUint32(4) === OPTION_REPLY_MAGIC_LOW
  if (!magic || header.getUint32(8) !== OPT_GO || length > 2 * MAX_STRING) {
    throw new Refusal('the server answers an option with something that is no reply to it')
  }
  return { type: header.getUint32(12), data: exchange.receive(length) }
}
