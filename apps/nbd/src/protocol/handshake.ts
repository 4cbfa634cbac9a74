import {
  FLAG_FIXED_NEWSTYLE,
  FLAG_NO_ZEROES,
  INFO_EXPORT,
  OPT_ABORT,
  OPT_EXPORT_NAME,
  OPT_GO,
  OPT_INFO,
  OPT_LIST,
  OPTION_HEADER_SIZE,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  REP_ACK,
  REP_ERR_INVALID,
  REP_ERR_UNKNOWN,
  REP_ERR_UNSUP,
  REP_INFO,
  REP_SERVER,
} from './constants.ts'
import {
  type ExportInfo,
  exportNameReply,
  infoBlock,
  optionReply,
  parseInfoRequest,
  serverEntry,
  textOf,
} from './options.ts'
import { viewOf } from './wire.ts'

/**
 * Longest data of one option, known or not, in bytes. What clients send is a name of at most 4096 bytes and a few
 * words; who sends more is not negotiating.
 */
export const MAX_OPTION_DATA = 16_384

/** Most bytes that one step can answer. */
export const MAX_STEP_REPLY = 16_384

/**
 * Where a handshake is: `flags` and `options` are before its end; `transmission` is a good end, after which come
 * requests; `closing` a bad or early one, after which the connection is closed once all replies are sent.
 */
export type HandshakeState = 'flags' | 'options' | 'transmission' | 'closing'

/**
 * The server's side of the fixed newstyle handshake, without a socket: bytes in, replies out. The server has sent
 * `greeting()` before.
 */
export class ServerHandshake {
  state: HandshakeState = 'flags'
  #noZeroes = false
  readonly #info: ExportInfo
  readonly #send: (reply: Uint8Array) => void

  constructor(info: ExportInfo, send: (reply: Uint8Array) => void) {
    this.#info = info
    this.#send = send
  }

  /**
   * Takes the client's flags or one option from the begin of `bytes`, and replies.
   *
   * @returns how many bytes it took; 0 if it needs more, or if the handshake is over
   */
  step(bytes: Uint8Array): number {
    if (this.state === 'flags') return this.#takeFlags(bytes)
    if (this.state === 'options') return this.#takeOption(bytes)
    return 0
  }

  #takeFlags(bytes: Uint8Array): number {
    if (bytes.length < 4) return 0
    const flags = viewOf(bytes).getUint32(0)
    this.#noZeroes = (flags & FLAG_NO_ZEROES) !== 0
    // The protocol has the server drop clients that set a flag it did not offer.
    const offered = (flags & ~(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)) === 0
    this.state = offered ? 'options' : 'closing'
    return 4
  }

  #takeOption(bytes: Uint8Array): number {
    if (bytes.length < OPTION_HEADER_SIZE) return 0
    const view = viewOf(bytes)
    const length = view.getUint32(12)
    const magic = view.getUint32(0) === OPTION_MAGIC_HIGH && view.getUint32(4) === OPTION_MAGIC_LOW
    if (!magic || length > MAX_OPTION_DATA) {
      this.state = 'closing'
      return OPTION_HEADER_SIZE
    }
    if (bytes.length < OPTION_HEADER_SIZE + length) return 0
    this.#option(view.getUint32(8), bytes.subarray(OPTION_HEADER_SIZE, OPTION_HEADER_SIZE + length))
    return OPTION_HEADER_SIZE + length
  }

  #option(option: number, data: Uint8Array): void {
    switch (option) {
      case OPT_EXPORT_NAME:
        this.#exportName(textOf(data))
        return
      case OPT_INFO:
      case OPT_GO:
        this.#describe(option, data)
        return
      case OPT_LIST:
        this.#list(data)
        return
      case OPT_ABORT:
        this.#send(optionReply(option, REP_ACK))
        this.state = 'closing'
        return
      default:
        this.#send(optionReply(option, REP_ERR_UNSUP))
    }
  }

  #exportName(name: string): void {
    if (this.#isExport(name)) {
      this.#send(exportNameReply(this.#info, this.#noZeroes))
      this.state = 'transmission'
    } else {
      // This option has no way to say no.
      this.state = 'closing'
    }
  }

  #describe(option: number, data: Uint8Array): void {
    const request = parseInfoRequest(data)
    if (request === null) {
      this.#send(
        optionReply(option, REP_ERR_INVALID, Buffer.from('the lengths in this option do not add up')),
      )
      return
    }
    if (!this.#isExport(request.name)) {
      this.#send(optionReply(option, REP_ERR_UNKNOWN, Buffer.from('there is no export of this name')))
      return
    }
    // Once each, however often the client asked.
    for (const kind of new Set([INFO_EXPORT, ...request.kinds])) {
      const block = infoBlock(kind, this.#info)
      if (block !== null) this.#send(optionReply(option, REP_INFO, block))
    }
    this.#send(optionReply(option, REP_ACK))
    if (option === OPT_GO) this.state = 'transmission'
  }

  #list(data: Uint8Array): void {
    if (data.length > 0) {
      this.#send(optionReply(OPT_LIST, REP_ERR_INVALID, Buffer.from('this option takes no data')))
      return
    }
    this.#send(optionReply(OPT_LIST, REP_SERVER, serverEntry(this.#info)))
    this.#send(optionReply(OPT_LIST, REP_ACK))
  }

  #isExport(name: string): boolean {
    return name === '' || name === this.#info.name
  }
}
