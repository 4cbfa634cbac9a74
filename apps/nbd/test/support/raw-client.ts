import { openSocket, restartInterrupted, sys } from 'aiokit'
import { afterEach } from 'vitest'
import type { Address } from '../../src/address.ts'
import { clientFlags, option } from '../../src/client/negotiate.ts'
import { CMD_WRITE, OPT_GO, REPLY_SIZE, REQUEST_SIZE } from '../../src/protocol/constants.ts'
import { infoRequest } from '../../src/protocol/options.ts'
import { putRequest } from '../../src/protocol/requests.ts'
import { viewOf } from '../../src/protocol/wire.ts'

/** How long to wait for a server before a test is given up. */
const TIMEOUT_NS = 10e9

export interface RawRequest {
  type: number
  flags?: number
  offset?: number
  length?: number
  cookie?: number
  payload?: Uint8Array
}

/** The bytes of a request. A WRITE has the length of its payload unless told otherwise. */
export function request({ type, flags = 0, offset = 0, length, cookie = 1, payload }: RawRequest): Buffer {
  const header = Buffer.alloc(REQUEST_SIZE)
  putRequest(viewOf(header), 0, flags, type, 0x01020304, cookie, offset, length ?? payload?.length ?? 0)
  return payload === undefined ? header : Buffer.concat([header, payload])
}

export function write(offset: number, payload: Uint8Array, flags = 0, cookie = 1): Buffer {
  return request({ type: CMD_WRITE, flags, offset, payload, cookie })
}

const open = new Set<RawClient>()
afterEach(() => {
  for (const client of open) client.close()
})

/**
 * A client that sends what it is told to, right or wrong. Its calls block; so the server is in another process.
 */
export class RawClient {
  readonly fd: number

  constructor(address: Address) {
    this.fd = openSocket(address)
    sys.check(sys.connect(this.fd, sys.encodeAddress(address)), 'connect')
    open.add(this)
  }

  /** Connected and past the handshake. */
  static ready(address: Address, exportName = ''): RawClient {
    const client = new RawClient(address)
    client.receive(18)
    client.send(clientFlags(3))
    client.send(option(OPT_GO, infoRequest(exportName, [])))
    client.receive(20 + 12 + 20)
    return client
  }

  send(bytes: Uint8Array): this {
    let sent = 0
    while (sent < bytes.length) {
      this.#wait(sys.POLLOUT)
      sent += sys.check(sys.send(this.fd, bytes, sent, bytes.length - sent, 0), 'send')
    }
    return this
  }

  /** Sends as much as the socket takes. */
  sendSome(bytes: Uint8Array): number {
    return sys.send(this.fd, bytes, 0, bytes.length, sys.MSG_DONTWAIT)
  }

  /** @throws Error if the connection ends before */
  receive(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    let received = 0
    while (received < length) {
      this.#wait(sys.POLLIN)
      const count = sys.check(sys.recv(this.fd, bytes, received, length - received, 0), 'recv')
      if (count === 0) throw new Error(`the connection ended after ${received} of ${length} bytes`)
      received += count
    }
    return bytes
  }

  /** A reply, with `length` bytes of data if it is no error. */
  reply(length = 0): { error: number; cookie: number; data: Buffer } {
    const header = this.receive(REPLY_SIZE)
    if (header.readUInt32BE(0) !== 0x67446698 || header.readUInt32BE(8) !== 0x01020304) {
      throw new Error(`no reply: ${header.toString('hex')}`)
    }
    const error = header.readUInt32BE(4)
    return { error, cookie: header.readUInt32BE(12), data: this.receive(error === 0 ? length : 0) }
  }

  /** Everything until the server closes the connection. */
  rest(): Buffer {
    const parts: Buffer[] = []
    for (;;) {
      this.#wait(sys.POLLIN)
      const bytes = Buffer.alloc(65_536)
      const count = sys.recv(this.fd, bytes, 0, bytes.length, 0)
      if (count > 0) parts.push(bytes.subarray(0, count))
      // A server that closes without having read everything resets the connection.
      else if (count === 0 || count === -sys.ECONNRESET) return Buffer.concat(parts)
      else sys.check(count, 'recv')
    }
  }

  close(): void {
    open.delete(this)
    sys.close(this.fd)
  }

  #wait(events: number): void {
    const polled = new Int32Array([this.fd, events])
    if (
      sys.check(
        restartInterrupted((timeoutNs) => sys.ppoll(polled, 1, timeoutNs), TIMEOUT_NS),
        'ppoll',
      ) === 0
    )
      throw new Error('the server is silent')
  }
}
