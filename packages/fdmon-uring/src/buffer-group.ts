import { type Block, bufferPool } from '@aiokit/buffer-pool'
import { aioError, aioRangeError, requireInteger } from '@aiokit/errors'
import type { BufferGroup } from '@aiokit/fdmon'
import { check, ioUringRegisterBufferRing, ioUringUnregisterBufferRing } from '@aiokit/sys'
import type { RequestHost, UringRequest } from './request.ts'
import { CQE_BUFFER_SHIFT, CQE_F_BUFFER } from './uapi.ts'

// struct io_uring_buf: address, length, number of the buffer. The tail of the ring lies in the unused part of the first.
const ENTRY = 16
const LENGTH = 8
const NUMBER = 12
const TAIL = 14

/** A ring of provided buffers (IORING_REGISTER_PBUF_RING, Linux 5.19). */
export class UringBufferGroup implements BufferGroup {
  readonly id: number
  readonly size: number
  /** @internal Whose it is. */
  readonly host: RequestHost
  readonly #count: number
  readonly #ringFd: number
  readonly #onClose: (group: UringBufferGroup) => void
  readonly #ring: Block
  readonly #memory: Block
  readonly #view: DataView
  /** The kernel may read the tail in another thread of its own. */
  readonly #tails: Uint16Array
  /** By number: whether the program has it, or will with a completion. */
  readonly #isOut: Uint8Array
  #tail = 0
  #isRegistered = true
  #closed = false

  /** @internal */
  constructor(
    host: RequestHost,
    ringFd: number,
    id: number,
    count: number,
    size: number,
    onClose: (group: UringBufferGroup) => void,
  ) {
    requireInteger(size, 'size', 1, 0x7fff_f000)
    requireInteger(count, 'count', 1, 32_768)
    if ((count & (count - 1)) !== 0)
      throw aioRangeError('ERR_AIO_OUT_OF_RANGE', `"count" must be a power of two. Received ${count}.`)
    this.host = host
    this.id = id
    this.size = size
    this.#count = count
    this.#ringFd = ringFd
    this.#onClose = onClose
    this.#memory = bufferPool.take(count * size)
    // The kernel wants it to begin with a page.
    this.#ring = bufferPool.take(Math.max(4096, ENTRY * count))
    const { buffer, byteOffset, byteLength } = this.#ring.bytes
    this.#view = new DataView(buffer, byteOffset, byteLength)
    this.#tails = new Uint16Array(buffer, byteOffset, byteLength / 2)
    this.#isOut = new Uint8Array(count).fill(1)
    this.#ring.bytes.fill(0)
    try {
      const result = ioUringRegisterBufferRing(ringFd, this.#ring.bytes, count, id)
      check(result, 'io_uring_register')
    } catch (error) {
      this.#ring.release()
      this.#memory.release()
      throw error
    }
    this.#ring.pin()
    this.#memory.pin()
    for (let i = 0; i < count; i++) this.#give(i)
  }

  /** Whether `value` is one, and no imitation. */
  static is(value: unknown): value is UringBufferGroup {
    return typeof value === 'object' && value !== null && #ringFd in value
  }

  bytes(res: number, flags: number): Uint8Array | null {
    if ((flags & CQE_F_BUFFER) === 0) return null
    const number = this.#number(flags)
    requireInteger(res, 'res', 0, this.size)
    return this.#memory.bytes.subarray(number * this.size, number * this.size + res)
  }

  recycle(flags: number): void {
    if ((flags & CQE_F_BUFFER) === 0) return
    const number = this.#number(flags)
    // Twice in the ring, it would be given to two messages at once.
    if (this.#isOut[number] === 1) this.#give(number)
  }

  close(): void {
    if (this.#closed) return
    this.unregister()
    this.#closed = true
    this.#onClose(this)
    for (const block of [this.#ring, this.#memory]) {
      block.release()
      block.unpin()
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal The kernel will choose buffers for `request`. @throws `ERR_AIO_CLOSED` */
  lend(request: UringRequest): void {
    this.#number(0)
    request.group = this
    request.hold(this.#memory)
  }

  /** @internal A completion has come with `flags`: its buffer is the program's until it is recycled. */
  take(flags: number): void {
    if ((flags & CQE_F_BUFFER) !== 0 && !this.#closed) this.#isOut[this.#number(flags)] = 1
  }

  /** @internal The kernel takes no more buffers; what is in those that it took can still be read. */
  unregister(): void {
    if (!this.#isRegistered) return
    this.#isRegistered = false
    ioUringUnregisterBufferRing(this.#ringFd, this.id)
  }

  #give(number: number): void {
    const at = ENTRY * (this.#tail & (this.#count - 1))
    const address = this.#memory.address + number * this.size
    this.#view.setUint32(at, address % 0x1_0000_0000, true)
    this.#view.setUint32(at + 4, Math.floor(address / 0x1_0000_0000), true)
    this.#view.setUint32(at + LENGTH, this.size, true)
    this.#view.setUint16(at + NUMBER, number, true)
    this.#isOut[number] = 0
    this.#tail = (this.#tail + 1) & 0xffff
    Atomics.store(this.#tails, TAIL / 2, this.#tail)
  }

  #number(flags: number): number {
    if (this.#closed) throw aioError('ERR_AIO_CLOSED', 'This group of buffers is closed: make a new one.')
    return requireInteger(flags >>> CQE_BUFFER_SHIFT, 'the buffer of "flags"', 0, this.#count - 1)
  }
}
