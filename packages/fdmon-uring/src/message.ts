import { type Block, bufferOf, lengthOf, offsetOf, requireView } from '@aiokit/buffer-pool'
import { aioTypeError, requireObject } from '@aiokit/errors'
import type { SqeMessage } from '@aiokit/fdmon'
import type { Entry } from './entry.ts'
import { requireFd } from './operands.ts'
import type { UringRequest } from './request.ts'
import { OP_RECVMSG, SQE_ADDRESS, SQE_LENGTH, SQE_OP_FLAGS } from './uapi.ts'
import { IOVEC_SIZE, writeVector, writeWide } from './vector.ts'
import { requireViews } from './views.ts'

// struct msghdr of a 64-bit machine, in bytes.
const MSGHDR_SIZE = 56
const MSG_NAME = 0
const MSG_NAMELEN = 8
const MSG_IOV = 16
const MSG_IOVLEN = 24
const MSG_CONTROL = 32
const MSG_CONTROLLEN = 40
const MSG_FLAGS = 48

/** sendmsg(2) and recvmsg(2): struct msghdr and what it points to, in memory of the request. */
export function prepMessage(
  entry: Entry,
  opcode: number,
  fd: number,
  message: SqeMessage,
  flags: number,
): void {
  requireFd(fd)
  // All of its getters first, which may do anything.
  const { buffers, address, control } = requireObject(message, 'message')
  const isRead = opcode === OP_RECVMSG
  if (isRead) answer(message, 0, 0, 0)
  const views = requireViews(buffers)
  if (address !== undefined) requireView(address, 'message.address')
  if (control !== undefined) requireView(control, 'message.control')
  const request = entry.claim()
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
  entry.wide(SQE_ADDRESS, block.address)
  entry.words[SQE_LENGTH] = 1
  entry.words[SQE_OP_FLAGS] = flags
  entry.write(opcode, fd)
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
