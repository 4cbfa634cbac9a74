import type { Block } from '@aiokit/buffer-pool'
import {
  aioError,
  aioRangeError,
  aioTypeError,
  describe,
  requireBoolean,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { type BufferGroup, ERR, HUP, type Sqe, type SqeMessage, type SqeRequest } from '@aiokit/fdmon'
import { UringBufferGroup } from './buffer-group.ts'
import { UringRequest } from './request.ts'
import {
  ACCEPT_MULTISHOT,
  FSYNC_DATASYNC,
  OP_ACCEPT,
  OP_ASYNC_CANCEL,
  OP_CLOSE,
  OP_CONNECT,
  OP_FALLOCATE,
  OP_FSYNC,
  OP_LINK_TIMEOUT,
  OP_NOP,
  OP_OPENAT,
  OP_POLL_ADD,
  OP_POLL_REMOVE,
  OP_READ,
  OP_READ_FIXED,
  OP_READV,
  OP_RECV,
  OP_RECVMSG,
  OP_SEND,
  OP_SENDMSG,
  OP_SHUTDOWN,
  OP_SPLICE,
  OP_STATX,
  OP_TIMEOUT,
  OP_WRITE,
  OP_WRITE_FIXED,
  OP_WRITEV,
  RECV_MULTISHOT,
  SQE_ADDRESS,
  SQE_ASYNC,
  SQE_BUFFER,
  SQE_BUFFER_SELECT,
  SQE_FD,
  SQE_FIXED_FILE,
  SQE_IO_DRAIN,
  SQE_IO_HARDLINK,
  SQE_IO_LINK,
  SQE_LENGTH,
  SQE_OFFSET,
  SQE_OP_FLAGS,
  SQE_OPCODE,
  SQE_SPLICE_FD,
  SQE_USER_DATA,
  SQE_WORDS,
} from './uapi.ts'

const AT_FDCWD = -100
/** In the place of a descriptor, for operations that have none. */
const NO_FD = -1
/** What the kernel moves at most in one call, MAX_RW_COUNT. */
const MAX_TRANSFER = 0x7fff_f000
const MSG_NOSIGNAL = 0x4000
/** sizeof(struct statx) */
const STATX_SIZE = 256
/** IOV_MAX, readv(2) */
const IOV_MAX = 1024
// struct msghdr of a 64-bit machine, in bytes.
const MSGHDR_SIZE = 56
const MSG_NAME = 0
const MSG_NAMELEN = 8
const MSG_IOV = 16
const MSG_IOVLEN = 24
const MSG_CONTROL = 32
const MSG_CONTROLLEN = 40
const MSG_FLAGS = 48
const IOVEC_SIZE = 16

/**
 * The entry that `addSqe` has filled: 64 bytes aside, which are copied to the ring when they are right. So a `prep` that
 * throws, or that makes other requests itself, leaves nothing half done in the ring.
 */
export class PreparedSqe implements Sqe {
  readonly words: Int32Array = new Int32Array(SQE_WORDS)
  #request: UringRequest | null = null
  #isPrepared = false
  #flags = 0

  /** From now on it is for `request`. */
  begin(request: UringRequest): void {
    this.#request = request
    this.#isPrepared = false
    this.#flags = 0
    this.words.fill(0)
  }

  /** It is filled. @throws `ERR_AIO_NOT_PREPARED` */
  end(userData: number, tag: number): void {
    if (!this.#isPrepared) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        'The function given to addSqe() must call one of the prep... methods of its argument.',
      )
    }
    this.#request = null
    this.words[SQE_OPCODE]! |= this.#flags
    this.words[SQE_USER_DATA] = userData
    this.words[SQE_USER_DATA + 1] = tag
  }

  /** It was not filled after all. */
  abandon(): void {
    this.#request = null
  }

  prepNop(): void {
    this.#start(OP_NOP, NO_FD)
  }

  prepRead(fd: number, buffer: ArrayBufferView, position: number): void {
    this.#transfer(OP_READ, fd, requireView(buffer, 'buffer'), position, true)
  }

  prepWrite(fd: number, buffer: ArrayBufferView, position: number): void {
    this.#transfer(OP_WRITE, fd, requireView(buffer, 'buffer'), position, false)
  }

  prepReadv(fd: number, buffers: readonly ArrayBufferView[], position: number): void {
    this.#vector(OP_READV, fd, buffers, position, true)
  }

  prepWritev(fd: number, buffers: readonly ArrayBufferView[], position: number): void {
    this.#vector(OP_WRITEV, fd, buffers, position, false)
  }

  prepReadFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void {
    requireInteger(index, 'index', 0, 0xffff)
    this.#transfer(OP_READ_FIXED, fd, requireView(buffer, 'buffer'), position, true)
    this.words[SQE_BUFFER] = index
  }

  prepWriteFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void {
    requireInteger(index, 'index', 0, 0xffff)
    this.#transfer(OP_WRITE_FIXED, fd, requireView(buffer, 'buffer'), position, false)
    this.words[SQE_BUFFER] = index
  }

  prepFsync(fd: number, dataOnly: boolean = false): void {
    requireBoolean(dataOnly, 'dataOnly')
    this.#begin(OP_FSYNC, fd)
    if (dataOnly) this.words[SQE_OP_FLAGS] = FSYNC_DATASYNC
  }

  prepFallocate(fd: number, mode: number, offset: number, length: number): void {
    requireInteger(mode, 'mode', 0, 0x7fff_ffff)
    requireInteger(offset, 'offset', 0)
    requireInteger(length, 'length', 0)
    this.#begin(OP_FALLOCATE, fd)
    this.words[SQE_LENGTH] = mode
    this.#wide(SQE_OFFSET, offset)
    this.#wide(SQE_ADDRESS, length)
  }

  prepOpenat(dirfd: number, path: string, flags: number, mode: number = 0o666): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    requireInteger(mode, 'mode', 0, 0o7777)
    this.#path(OP_OPENAT, dirfd, path)
    this.words[SQE_LENGTH] = mode
    this.words[SQE_OP_FLAGS] = flags
  }

  prepClose(fd: number): void {
    this.#begin(OP_CLOSE, fd)
  }

  prepStatx(dirfd: number, path: string, flags: number, mask: number, out: ArrayBufferView): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    requireInteger(mask, 'mask', 0, 0x7fff_ffff)
    if (requireView(out, 'out').byteLength < STATX_SIZE) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"out" must have at least ${STATX_SIZE} bytes. Received ${out.byteLength}.`,
      )
    }
    const request = this.#path(OP_STATX, dirfd, path)
    request.copiesAll()
    const view = new Uint8Array(out.buffer, out.byteOffset, STATX_SIZE)
    this.#wide(SQE_OFFSET, request.target(view))
    this.words[SQE_LENGTH] = mask
    this.words[SQE_OP_FLAGS] = flags
  }

  prepAccept(fd: number, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    this.#begin(OP_ACCEPT, fd)
    this.words[SQE_OP_FLAGS] = flags
  }

  prepAcceptMultishot(fd: number, flags: number): void {
    this.prepAccept(fd, flags)
    this.words[SQE_OPCODE]! |= ACCEPT_MULTISHOT << 16
  }

  prepConnect(fd: number, address: ArrayBufferView): void {
    requireView(address, 'address')
    const request = this.#begin(OP_CONNECT, fd)
    this.#wide(SQE_ADDRESS, request.source(address))
    this.#wide(SQE_OFFSET, address.byteLength)
  }

  prepSend(fd: number, buffer: ArrayBufferView, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    const view = requireView(buffer, 'buffer')
    const request = this.#begin(OP_SEND, fd)
    this.#wide(SQE_ADDRESS, request.source(view))
    this.words[SQE_LENGTH] = view.byteLength
    this.words[SQE_OP_FLAGS] = flags | MSG_NOSIGNAL
  }

  prepRecv(fd: number, buffer: ArrayBufferView, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    const view = requireView(buffer, 'buffer')
    const request = this.#begin(OP_RECV, fd)
    this.#wide(SQE_ADDRESS, request.target(view))
    this.words[SQE_LENGTH] = view.byteLength
    this.words[SQE_OP_FLAGS] = flags
  }

  prepRecvMultishot(fd: number, group: BufferGroup, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    if (!(group instanceof UringBufferGroup)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"group" must be what createBufferGroup() gave. Received ${describe(group)}.`,
      )
    }
    this.#begin(OP_RECV, fd)
    this.words[SQE_OPCODE]! |= (RECV_MULTISHOT << 16) | SQE_BUFFER_SELECT
    this.words[SQE_OP_FLAGS] = flags
    this.words[SQE_BUFFER] = group.id
  }

  prepSendmsg(fd: number, message: SqeMessage, flags: number): void {
    this.#message(OP_SENDMSG, fd, message, requireInteger(flags, 'flags', 0, 0x7fff_ffff) | MSG_NOSIGNAL)
  }

  prepRecvmsg(fd: number, message: SqeMessage, flags: number): void {
    this.#message(OP_RECVMSG, fd, message, requireInteger(flags, 'flags', 0, 0x7fff_ffff))
  }

  prepShutdown(fd: number, how: number): void {
    requireInteger(how, 'how', 0, 2)
    this.#begin(OP_SHUTDOWN, fd)
    this.words[SQE_LENGTH] = how
  }

  prepSplice(
    fdIn: number,
    offsetIn: number,
    fdOut: number,
    offsetOut: number,
    length: number,
    flags: number,
  ): void {
    requireInteger(fdIn, 'fdIn', 0, 0x7fff_ffff)
    requireInteger(offsetIn, 'offsetIn', -1)
    requireInteger(offsetOut, 'offsetOut', -1)
    requireInteger(length, 'length', 0, 0x7fff_ffff)
    // The highest bit says that fdIn is a registered file.
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    this.#begin(OP_SPLICE, fdOut)
    this.#wide(SQE_ADDRESS, offsetIn)
    this.#wide(SQE_OFFSET, offsetOut)
    this.words[SQE_LENGTH] = length
    this.words[SQE_OP_FLAGS] = flags
    this.words[SQE_SPLICE_FD] = fdIn
  }

  prepPollAdd(fd: number, events: number): void {
    requireInteger(events, 'events', 0, 0xffff)
    this.#begin(OP_POLL_ADD, fd)
    this.words[SQE_OP_FLAGS] = events | ERR | HUP
  }

  prepPollRemove(request: SqeRequest): void {
    this.#other(OP_POLL_REMOVE, request)
  }

  prepTimeout(timeoutNs: number, count: number = 0): void {
    requireInteger(count, 'count', 0, 0x7fff_ffff)
    this.#timeout(OP_TIMEOUT, timeoutNs)
    this.#wide(SQE_OFFSET, count)
  }

  prepLinkTimeout(timeoutNs: number): void {
    this.#timeout(OP_LINK_TIMEOUT, timeoutNs)
  }

  prepCancel(request: SqeRequest): void {
    this.#other(OP_ASYNC_CANCEL, request)
  }

  link(): void {
    this.#flags |= SQE_IO_LINK
  }

  hardlink(): void {
    this.#flags |= SQE_IO_HARDLINK
  }

  drain(): void {
    this.#flags |= SQE_IO_DRAIN
  }

  async(): void {
    this.#flags |= SQE_ASYNC
  }

  fixedFile(): void {
    this.#flags |= SQE_FIXED_FILE
  }

  #begin(opcode: number, fd: number): UringRequest {
    if ((fd | 0) !== fd || fd < 0) requireInteger(fd, 'fd', 0, 0x7fff_ffff)
    return this.#start(opcode, fd)
  }

  #start(opcode: number, fd: number): UringRequest {
    const request = this.#request
    if (request === null || this.#isPrepared) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        request === null
          ? 'A submission queue entry is good inside the function given to addSqe() only.'
          : 'An entry is prepared once: call addSqe() again for another request.',
      )
    }
    this.#isPrepared = true
    this.words[SQE_OPCODE] = opcode
    this.words[SQE_FD] = fd
    return request
  }

  /** 64 bits in two halves; the assignment keeps the lower 32 bits of any integer. */
  #wide(at: number, value: number): void {
    this.words[at] = value
    this.words[at + 1] = Math.floor(value / 0x1_0000_0000)
  }

  #position(position: number): void {
    requireInteger(position, 'position', -1)
    this.#wide(SQE_OFFSET, position)
  }

  #transfer(opcode: number, fd: number, buffer: ArrayBufferView, position: number, isRead: boolean): void {
    const request = this.#begin(opcode, fd)
    this.#position(position)
    this.#wide(SQE_ADDRESS, isRead ? request.target(buffer) : request.source(buffer))
    this.words[SQE_LENGTH] = buffer.byteLength
  }

  #vector(
    opcode: number,
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: number,
    isRead: boolean,
  ): void {
    const views = requireViews(buffers)
    const request = this.#begin(opcode, fd)
    this.#position(position)
    const block = request.scratch(IOVEC_SIZE * views.length)
    writeVector(request, block, 0, views, isRead)
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = views.length
  }

  #message(opcode: number, fd: number, message: SqeMessage, flags: number): void {
    const { buffers, address, control } = requireObject(message, 'message')
    const views = requireViews(buffers)
    const isRead = opcode === OP_RECVMSG
    const request = this.#begin(opcode, fd)
    const block = request.scratch(MSGHDR_SIZE + IOVEC_SIZE * views.length)
    const header = new DataView(block.bytes.buffer, block.bytes.byteOffset, block.bytes.byteLength)
    new Uint8Array(header.buffer, header.byteOffset, MSGHDR_SIZE).fill(0)
    // First the payload, which the result counts; the rest is copied by hand, as far as the kernel says.
    writeVector(request, block, MSGHDR_SIZE, views, isRead)
    writeWide(header, MSG_IOV, block.address + MSGHDR_SIZE)
    writeWide(header, MSG_IOVLEN, views.length)
    const extra: [view: ArrayBufferView, block: Block][] = []
    const attach = (view: ArrayBufferView, name: string, pointer: number) => {
      requireView(view, name)
      const copy = request.scratch(view.byteLength)
      if (isRead) extra.push([view, copy])
      else copy.bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      writeWide(header, pointer, copy.address)
    }
    if (address !== undefined) {
      attach(address, 'message.address', MSG_NAME)
      header.setUint32(MSG_NAMELEN, address.byteLength, true)
    }
    if (control !== undefined) {
      attach(control, 'message.control', MSG_CONTROL)
      writeWide(header, MSG_CONTROLLEN, control.byteLength)
    }
    if (isRead) {
      request.onDone(() => {
        message.addressLength = address === undefined ? 0 : header.getUint32(MSG_NAMELEN, true)
        message.controlLength = control === undefined ? 0 : header.getUint32(MSG_CONTROLLEN, true)
        message.messageFlags = header.getInt32(MSG_FLAGS, true)
        for (const [view, copy] of extra) {
          const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
          bytes.set(copy.bytes.subarray(0, bytes.length))
        }
      })
    }
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = 1
    this.words[SQE_OP_FLAGS] = flags
  }

  #path(opcode: number, dirfd: number, path: string): UringRequest {
    const bytes = Buffer.from(`${requireString(path, 'path')}\0`)
    if (bytes.indexOf(0) !== bytes.length - 1) {
      throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', '"path" must not contain a NUL byte.')
    }
    if (dirfd !== AT_FDCWD) requireInteger(dirfd, 'dirfd', 0, 0x7fff_ffff)
    const request = this.#start(opcode, dirfd)
    this.#wide(SQE_ADDRESS, request.source(bytes))
    return request
  }

  #timeout(opcode: number, timeoutNs: number): void {
    requireNumber(timeoutNs, 'timeoutNs', 0, Number.MAX_SAFE_INTEGER)
    const request = this.#start(opcode, NO_FD)
    const block = request.scratch(16)
    const spec = new DataView(block.bytes.buffer, block.bytes.byteOffset, 16)
    writeWide(spec, 0, Math.floor(timeoutNs / 1e9))
    writeWide(spec, 8, Math.floor(timeoutNs % 1e9))
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = 1
  }

  #other(opcode: number, request: SqeRequest): void {
    if (!(request instanceof UringRequest)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"request" must be what addSqe() returned. Received ${describe(request)}.`,
      )
    }
    this.#start(opcode, NO_FD)
    this.words[SQE_ADDRESS] = request.slot
    // One that is done has no tag: nothing matches it.
    this.words[SQE_ADDRESS + 1] = request.tag
  }
}

/** Returns the view, or the part of it that the kernel moves at once. */
function requireView(value: ArrayBufferView, name: string): ArrayBufferView {
  if (!ArrayBuffer.isView(value)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}" must be a typed array, a Buffer or a DataView. Received ${describe(value)}.`,
    )
  }
  return lengthOf(value, name) <= MAX_TRANSFER
    ? value
    : new Uint8Array(value.buffer, value.byteOffset, MAX_TRANSFER)
}

function lengthOf(view: ArrayBufferView, name: string): number {
  try {
    return view.byteLength
  } catch {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"${name}" is a view of a buffer that was detached.`)
  }
}

function requireViews(buffers: readonly ArrayBufferView[]): ArrayBufferView[] {
  if (!Array.isArray(buffers)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"buffers" must be an array of views. Received ${describe(buffers)}.`,
    )
  }
  if (buffers.length > IOV_MAX) {
    throw aioRangeError(
      'ERR_AIO_OUT_OF_RANGE',
      `"buffers" must have at most ${IOV_MAX} views. Received ${buffers.length}.`,
    )
  }
  return buffers.map((view, i) => requireView(view, `buffers[${i}]`))
}

function writeVector(
  request: UringRequest,
  block: Block,
  offset: number,
  views: readonly ArrayBufferView[],
  isRead: boolean,
): void {
  const vector = new DataView(block.bytes.buffer, block.bytes.byteOffset + offset)
  for (const [i, view] of views.entries()) {
    writeWide(vector, IOVEC_SIZE * i, isRead ? request.target(view) : request.source(view))
    writeWide(vector, IOVEC_SIZE * i + 8, view.byteLength)
  }
}

function writeWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}
