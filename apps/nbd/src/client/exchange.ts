import { type AioContext, openSocket, sys } from 'aiokit'
import { type Address, describeAddress } from '../address.ts'
import { Refusal } from '../refusal.ts'

/** How long a server may take to answer during the handshake. */
const TIMEOUT_NS = 10e9

/**
 * Sending and receiving in turns, for a handshake: each call returns when it is done. It waits by polling the context,
 * whose other descriptors go on being served meanwhile.
 */
export class Exchange {
  /** Connected, and not blocking. */
  readonly fd: number
  readonly #ctx: AioContext
  readonly #peer: string

  /** @throws SystemError if there is no connection to be had */
  constructor(ctx: AioContext, address: Address) {
    this.#ctx = ctx
    this.#peer = describeAddress(address)
    this.fd = openSocket(address)
    try {
      sys.check(sys.connect(this.fd, sys.encodeAddress(address)), 'connect', this.#peer)
      const flags = sys.check(sys.fcntl(this.fd, sys.F_GETFL, 0), 'fcntl')
      sys.check(sys.fcntl(this.fd, sys.F_SETFL, flags | sys.O_NONBLOCK), 'fcntl')
    } catch (error) {
      sys.close(this.fd)
      throw error
    }
  }

  /** @throws Refusal if the server hangs up or is silent; SystemError */
  send(bytes: Uint8Array): void {
    let sent = 0
    while (sent < bytes.length) {
      const count = sys.send(this.fd, bytes, sent, bytes.length - sent, 0)
      if (count === -sys.EAGAIN) this.#wait('write')
      else sent += sys.check(count, 'send')
    }
  }

  /** Exactly `length` bytes. @throws as `send` does */
  receive(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let received = 0
    while (received < length) {
      const count = sys.recv(this.fd, bytes, received, length - received, 0)
      if (count === 0) throw new Refusal(`${this.#peer} hung up during the handshake`)
      if (count === -sys.EAGAIN) this.#wait('read')
      else received += sys.check(count, 'recv')
    }
    return bytes
  }

  #wait(what: 'read' | 'write'): void {
    const deadline = sys.monotonicNs() + TIMEOUT_NS
    let ready = false
    this.#ctx.setFdHandler(this.fd, {
      [what]: () => {
        ready = true
      },
    })
    try {
      while (!ready) {
        const left = deadline - sys.monotonicNs()
        if (left <= 0) throw new Refusal(`${this.#peer} does not answer in the way of an NBD server`)
        this.#ctx.poll(true, left)
      }
    } finally {
      this.#ctx.setFdHandler(this.fd, null)
    }
  }
}
