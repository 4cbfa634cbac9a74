import { type Block, bufferOf, lengthOf, offsetOf } from '@aiokit/buffer-pool'
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
  SQE_IO_HARDLINK,
  SQE_IO_LINK,
  SQE_LENGTH,
  SQE_LINKED,
  SQE_OFFSET,
  SQE_OP_FLAGS,
  SQE_OPCODE,
  SQE_SPLICE_FD,
  SQE_USER_DATA,
  SQE_WORDS,
} from './uapi.ts'
import { requireView, requireViews } from './views.ts'

const AT_FDCWD = -100
/** In the place of a descriptor, for operations that have none. */
const NO_FD = -1
const MSG_NOSIGNAL = 0x4000
/** sizeof(struct statx) */
const STATX_SIZE = 256
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
  /** It is to begin when all before it have ended, and those behind it when it has. */
  isDrain = false
  #request: UringRequest | null = null
  /** A `prep` method has taken the request, and then filled the entry. One that throws in between leaves no entry. */
  #isClaimed = false
  #isPrepared = false
  #flags = 0

  /** From now on it is for `request`. */
  begin(request: UringRequest): void {
    this.#request = request
    this.#isClaimed = false
    this.#isPrepared = false
    this.isDrain = false
    this.#flags = 0
    // What not all operations fill. One by one, of which fill() takes seven times as long.
    const { words } = this
    words[SQE_OFFSET] = 0
    words[SQE_OFFSET + 1] = 0
    words[SQE_ADDRESS] = 0
    words[SQE_ADDRESS + 1] = 0
    words[SQE_LENGTH] = 0
    words[SQE_OP_FLAGS] = 0
    words[SQE_BUFFER] = 0
    words[SQE_SPLICE_FD] = 0
  }

  /** It is filled. @throws `ERR_AIO_NOT_PREPARED` */
  end(userData: number, tag: number): void {
    if (!this.#isPrepared) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        'The function given to addSqe() must call one of the prep... methods of its argument, and that must not throw.',
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

  /** Whether the next entry is linked to this one. */
  get isLinked(): boolean {
    return (this.#flags & SQE_LINKED) !== 0
  }

  /** Whether its result is a descriptor. */
  get givesDescriptor(): boolean {
    const opcode = this.words[SQE_OPCODE]! & 0xff
    return opcode === OP_ACCEPT || opcode === OP_OPENAT
  }

  /** The descriptor that it closes; -1 if it does not. Files by number it cannot. */
  get closes(): number {
    return (this.words[SQE_OPCODE]! & (0xff | SQE_FIXED_FILE)) === OP_CLOSE ? this.words[SQE_FD]! : -1
  }

  prepNop(): void {
    this.#claim()
    this.#write(OP_NOP, NO_FD)
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
    const [bytes, at] = requirePath(dirfd, path)
    this.#wide(SQE_ADDRESS, this.#claim().source(bytes))
    this.#write(OP_OPENAT, at)
    this.words[SQE_LENGTH] = mode
    this.words[SQE_OP_FLAGS] = flags
  }

  prepClose(fd: number): void {
    this.#begin(OP_CLOSE, fd)
  }

  prepStatx(dirfd: number, path: string, flags: number, mask: number, out: ArrayBufferView): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    requireInteger(mask, 'mask', 0, 0x7fff_ffff)
    const size = lengthOf(requireView(out, 'out'))
    if (size < STATX_SIZE) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `"out" must have at least ${STATX_SIZE} bytes. Received ${size}.`,
      )
    }
    const [bytes, at] = requirePath(dirfd, path)
    const request = this.#claim()
    request.copiesAll()
    this.#wide(SQE_OFFSET, request.target(new Uint8Array(bufferOf(out), offsetOf(out), STATX_SIZE)))
    this.#wide(SQE_ADDRESS, request.source(bytes))
    this.#write(OP_STATX, at)
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
    requireFd(fd)
    const view = requireView(address, 'address')
    this.#wide(SQE_ADDRESS, this.#claim().source(view))
    this.#wide(SQE_OFFSET, lengthOf(view))
    this.#write(OP_CONNECT, fd)
  }

  prepSend(fd: number, buffer: ArrayBufferView, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    requireFd(fd)
    const view = requireView(buffer, 'buffer')
    this.#wide(SQE_ADDRESS, this.#claim().source(view))
    this.words[SQE_LENGTH] = lengthOf(view)
    this.#write(OP_SEND, fd)
    this.words[SQE_OP_FLAGS] = flags | MSG_NOSIGNAL
  }

  prepRecv(fd: number, buffer: ArrayBufferView, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    requireFd(fd)
    const view = requireView(buffer, 'buffer')
    this.#wide(SQE_ADDRESS, this.#claim().target(view))
    this.words[SQE_LENGTH] = lengthOf(view)
    this.#write(OP_RECV, fd)
    this.words[SQE_OP_FLAGS] = flags
  }

  prepRecvMultishot(fd: number, group: BufferGroup, flags: number): void {
    requireInteger(flags, 'flags', 0, 0x7fff_ffff)
    if (!UringBufferGroup.is(group)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"group" must be what createBufferGroup() gave. Received ${describe(group)}.`,
      )
    }
    requireFd(fd)
    const request = this.#claim()
    if (group.host !== request.host) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        '"group" belongs to another ring: make one with the createBufferGroup() of this.',
      )
    }
    group.lend(request)
    this.#write(OP_RECV, fd)
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
    this.#flag(SQE_IO_LINK)
  }

  hardlink(): void {
    this.#flag(SQE_IO_HARDLINK)
  }

  drain(): void {
    this.#flag(0)
    this.isDrain = true
  }

  async(): void {
    this.#flag(SQE_ASYNC)
  }

  fixedFile(): void {
    this.#flag(SQE_FIXED_FILE)
  }

  #begin(opcode: number, fd: number): void {
    requireFd(fd)
    this.#claim()
    this.#write(opcode, fd)
  }

  /** The request, for the one method that prepares it; when all that can be wrong with its arguments is ruled out. */
  #claim(): UringRequest {
    const request = this.#requireRequest()
    if (this.#isClaimed) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        'An entry is prepared once: call addSqe() again for another request.',
      )
    }
    this.#isClaimed = true
    return request
  }

  /** Nothing can go wrong from here on. */
  #write(opcode: number, fd: number): void {
    this.#isPrepared = true
    this.words[SQE_OPCODE] = opcode
    this.words[SQE_FD] = fd
  }

  #flag(flag: number): void {
    this.#requireRequest()
    this.#flags |= flag
  }

  #requireRequest(): UringRequest {
    if (this.#request !== null) return this.#request
    throw aioError(
      'ERR_AIO_NOT_PREPARED',
      'A submission queue entry is good inside the function given to addSqe() only.',
    )
  }

  /** 64 bits in two halves; the assignment keeps the lower 32 bits of any integer. */
  #wide(at: number, value: number): void {
    this.words[at] = value
    this.words[at + 1] = Math.floor(value / 0x1_0000_0000)
  }

  #transfer(opcode: number, fd: number, buffer: ArrayBufferView, position: number, isRead: boolean): void {
    requireFd(fd)
    requireInteger(position, 'position', -1)
    const request = this.#claim()
    this.#wide(SQE_OFFSET, position)
    this.#wide(SQE_ADDRESS, isRead ? request.target(buffer) : request.source(buffer))
    this.words[SQE_LENGTH] = lengthOf(buffer)
    this.#write(opcode, fd)
  }

  #vector(
    opcode: number,
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: number,
    isRead: boolean,
  ): void {
    requireFd(fd)
    requireInteger(position, 'position', -1)
    const views = requireViews(buffers)
    const request = this.#claim()
    const block = request.scratch(IOVEC_SIZE * views.length)
    writeVector(request, block, 0, views, isRead)
    this.#wide(SQE_OFFSET, position)
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = views.length
    this.#write(opcode, fd)
  }

  #message(opcode: number, fd: number, message: SqeMessage, flags: number): void {
    requireFd(fd)
    // All of its getters first, which may do anything.
    const { buffers, address, control } = requireObject(message, 'message')
    const isRead = opcode === OP_RECVMSG
    if (isRead) answer(message, 0, 0, 0)
    const views = requireViews(buffers)
    if (address !== undefined) requireView(address, 'message.address')
    if (control !== undefined) requireView(control, 'message.control')
    const request = this.#claim()
    const block = request.scratch(MSGHDR_SIZE + IOVEC_SIZE * views.length)
    const header = new DataView(block.bytes.buffer, block.bytes.byteOffset, block.bytes.byteLength)
    new Uint8Array(header.buffer, header.byteOffset, MSGHDR_SIZE).fill(0)
    // First the payload, which the result counts; the rest is copied by hand, as far as the kernel says.
    writeVector(request, block, MSGHDR_SIZE, views, isRead)
    writeWide(header, MSG_IOV, block.address + MSGHDR_SIZE)
    writeWide(header, MSG_IOVLEN, views.length)
    const name = address === undefined ? null : attach(request, header, MSG_NAME, address, isRead)
    if (name !== null) header.setUint32(MSG_NAMELEN, lengthOf(address!), true)
    const extra = control === undefined ? null : attach(request, header, MSG_CONTROL, control, isRead)
    if (extra !== null) writeWide(header, MSG_CONTROLLEN, lengthOf(control!))
    if (isRead) {
      request.onDone(() => {
        const addressLength = name === null ? 0 : header.getUint32(MSG_NAMELEN, true)
        const controlLength = extra === null ? 0 : header.getUint32(MSG_CONTROLLEN, true)
        if (name !== null) detach(name, address!, addressLength)
        if (extra !== null) detach(extra, control!, controlLength)
        answer(message, addressLength, controlLength, header.getInt32(MSG_FLAGS, true))
      })
    }
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = 1
    this.words[SQE_OP_FLAGS] = flags
    this.#write(opcode, fd)
  }

  #timeout(opcode: number, timeoutNs: number): void {
    requireNumber(timeoutNs, 'timeoutNs', 0, Number.MAX_SAFE_INTEGER)
    const block = this.#claim().scratch(16)
    const spec = new DataView(block.bytes.buffer, block.bytes.byteOffset, 16)
    writeWide(spec, 0, Math.floor(timeoutNs / 1e9))
    writeWide(spec, 8, Math.floor(timeoutNs % 1e9))
    this.#wide(SQE_ADDRESS, block.address)
    this.words[SQE_LENGTH] = 1
    this.#write(opcode, NO_FD)
  }

  #other(opcode: number, request: SqeRequest): void {
    if (!UringRequest.is(request)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"request" must be what addSqe() returned. Received ${describe(request)}.`,
      )
    }
    if (request.host !== this.#claim().host) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        '"request" belongs to another ring: call its cancel() instead.',
      )
    }
    this.#write(opcode, NO_FD)
    this.words[SQE_ADDRESS] = request.slot
    // One that is done has no tag: nothing matches it.
    this.words[SQE_ADDRESS + 1] = request.tag
  }
}

function requireFd(fd: number): void {
  if (typeof fd !== 'number' || (fd | 0) !== fd || fd < 0) requireInteger(fd, 'fd', 0, 0x7fff_ffff)
}

function requirePath(dirfd: number, path: string): [path: Uint8Array, dirfd: number] {
  const bytes = Buffer.from(`${requireString(path, 'path')}\0`)
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', '"path" must not contain a NUL byte.')
  }
  if (dirfd !== AT_FDCWD) requireInteger(dirfd, 'dirfd', 0, 0x7fff_ffff)
  return [bytes, dirfd]
}

/** Memory beside a message's payload: a copy of `view` for the kernel, to read or to write. */
function attach(
  request: UringRequest,
  header: DataView,
  pointer: number,
  view: ArrayBufferView,
  isRead: boolean,
): Block {
  const copy = request.scratch(lengthOf(view))
  if (!isRead) copy.bytes.set(new Uint8Array(bufferOf(view), offsetOf(view), lengthOf(view)))
  writeWide(header, pointer, copy.address)
  return copy
}

/** Copies what the kernel wrote, which may be less than there is room for, or cut. */
function detach(copy: Block, view: ArrayBufferView, length: number): void {
  const bytes = new Uint8Array(bufferOf(view), offsetOf(view), lengthOf(view))
  bytes.set(copy.bytes.subarray(0, Math.min(length, bytes.length)))
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE` if it cannot be written to */
function answer(message: SqeMessage, addressLength: number, controlLength: number, flags: number): void {
  try {
    message.addressLength = addressLength
    message.controlLength = controlLength
    message.messageFlags = flags
  } catch {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', '"message" must not be frozen: recvmsg answers in it.')
  }
}

function writeVector(
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

function writeWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}
