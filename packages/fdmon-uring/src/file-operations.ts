import { bufferOf, lengthOf, offsetOf, requireView } from '@aiokit/buffer-pool'
import { aioRangeError, aioTypeError, requireBoolean, requireInteger, requireString } from '@aiokit/errors'
import { AT_FDCWD } from '@aiokit/sys'
import type { Entry } from './entry.ts'
import { prepFd, requireFd } from './operands.ts'
import {
  FSYNC_DATASYNC,
  OP_CLOSE,
  OP_FALLOCATE,
  OP_FSYNC,
  OP_OPENAT,
  OP_READ,
  OP_READ_FIXED,
  OP_READV,
  OP_SPLICE,
  OP_STATX,
  OP_WRITE,
  OP_WRITE_FIXED,
  OP_WRITEV,
  SQE_ADDRESS,
  SQE_BUFFER,
  SQE_LENGTH,
  SQE_OFFSET,
  SQE_OP_FLAGS,
  SQE_SPLICE_FD,
} from './uapi.ts'
import { IOVEC_SIZE, writeVector } from './vector.ts'
import { requirePart, requireViews } from './views.ts'

// Operations on files, and on anything that is read and written.

/** sizeof(struct statx) */
const STATX_SIZE = 256

export function prepRead(entry: Entry, fd: number, buffer: ArrayBufferView, position: number): void {
  transfer(entry, OP_READ, fd, requirePart(buffer, 'buffer'), position, true)
}

export function prepWrite(entry: Entry, fd: number, buffer: ArrayBufferView, position: number): void {
  transfer(entry, OP_WRITE, fd, requirePart(buffer, 'buffer'), position, false)
}

export function prepReadv(
  entry: Entry,
  fd: number,
  buffers: readonly ArrayBufferView[],
  position: number,
): void {
  vector(entry, OP_READV, fd, buffers, position, true)
}

export function prepWritev(
  entry: Entry,
  fd: number,
  buffers: readonly ArrayBufferView[],
  position: number,
): void {
  vector(entry, OP_WRITEV, fd, buffers, position, false)
}

export function prepReadFixed(
  entry: Entry,
  fd: number,
  buffer: ArrayBufferView,
  position: number,
  index: number,
): void {
  requireInteger(index, 'index', 0, 0xffff)
  transfer(entry, OP_READ_FIXED, fd, requirePart(buffer, 'buffer'), position, true)
  entry.words[SQE_BUFFER] = index
}

export function prepWriteFixed(
  entry: Entry,
  fd: number,
  buffer: ArrayBufferView,
  position: number,
  index: number,
): void {
  requireInteger(index, 'index', 0, 0xffff)
  transfer(entry, OP_WRITE_FIXED, fd, requirePart(buffer, 'buffer'), position, false)
  entry.words[SQE_BUFFER] = index
}

export function prepFsync(entry: Entry, fd: number, dataOnly: boolean): void {
  requireBoolean(dataOnly, 'dataOnly')
  prepFd(entry, OP_FSYNC, fd)
  if (dataOnly) entry.words[SQE_OP_FLAGS] = FSYNC_DATASYNC
}

export function prepFallocate(entry: Entry, fd: number, mode: number, offset: number, length: number): void {
  requireInteger(mode, 'mode', 0, 0x7fff_ffff)
  requireInteger(offset, 'offset', 0)
  requireInteger(length, 'length', 0)
  prepFd(entry, OP_FALLOCATE, fd)
  entry.words[SQE_LENGTH] = mode
  entry.wide(SQE_OFFSET, offset)
  entry.wide(SQE_ADDRESS, length)
}

export function prepOpenat(entry: Entry, dirfd: number, path: string, flags: number, mode: number): void {
  requireInteger(flags, 'flags', 0, 0x7fff_ffff)
  requireInteger(mode, 'mode', 0, 0o7777)
  const [bytes, at] = requirePath(dirfd, path)
  entry.wide(SQE_ADDRESS, entry.claim().source(bytes))
  entry.write(OP_OPENAT, at)
  entry.words[SQE_LENGTH] = mode
  entry.words[SQE_OP_FLAGS] = flags
}

export function prepClose(entry: Entry, fd: number): void {
  prepFd(entry, OP_CLOSE, fd)
}

export function prepStatx(
  entry: Entry,
  dirfd: number,
  path: string,
  flags: number,
  mask: number,
  out: ArrayBufferView,
): void {
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
  const request = entry.claim()
  request.copiesAll()
  entry.wide(SQE_OFFSET, request.target(new Uint8Array(bufferOf(out), offsetOf(out), STATX_SIZE)))
  entry.wide(SQE_ADDRESS, request.source(bytes))
  entry.write(OP_STATX, at)
  entry.words[SQE_LENGTH] = mask
  entry.words[SQE_OP_FLAGS] = flags
}

export function prepSplice(
  entry: Entry,
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
  prepFd(entry, OP_SPLICE, fdOut)
  entry.wide(SQE_ADDRESS, offsetIn)
  entry.wide(SQE_OFFSET, offsetOut)
  entry.words[SQE_LENGTH] = length
  entry.words[SQE_OP_FLAGS] = flags
  entry.words[SQE_SPLICE_FD] = fdIn
}

function transfer(
  entry: Entry,
  opcode: number,
  fd: number,
  buffer: ArrayBufferView,
  position: number,
  isRead: boolean,
): void {
  requireFd(fd)
  requireInteger(position, 'position', -1)
  const request = entry.claim()
  entry.wide(SQE_OFFSET, position)
  entry.wide(SQE_ADDRESS, isRead ? request.target(buffer) : request.source(buffer))
  entry.words[SQE_LENGTH] = lengthOf(buffer)
  entry.write(opcode, fd)
}

function vector(
  entry: Entry,
  opcode: number,
  fd: number,
  buffers: readonly ArrayBufferView[],
  position: number,
  isRead: boolean,
): void {
  requireFd(fd)
  requireInteger(position, 'position', -1)
  const views = requireViews(buffers)
  const request = entry.claim()
  const block = request.scratch(IOVEC_SIZE * views.length)
  writeVector(request, block, 0, views, isRead)
  entry.wide(SQE_OFFSET, position)
  entry.wide(SQE_ADDRESS, block.address)
  entry.words[SQE_LENGTH] = views.length
  entry.write(opcode, fd)
}

function requirePath(dirfd: number, path: string): [path: Uint8Array, dirfd: number] {
  const bytes = Buffer.from(`${requireString(path, 'path')}\0`)
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', '"path" must not contain a NUL byte.')
  }
  if (dirfd !== AT_FDCWD) requireInteger(dirfd, 'dirfd', 0, 0x7fff_ffff)
  return [bytes, dirfd]
}
