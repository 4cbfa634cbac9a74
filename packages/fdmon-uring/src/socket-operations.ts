import { lengthOf, requireView } from '@aiokit/buffer-pool'
import { aioTypeError, describe, requireInteger } from '@aiokit/errors'
import type { BufferGroup, SqeMessage } from '@aiokit/fdmon'
import { UringBufferGroup } from './buffer-group.ts'
import type { Entry } from './entry.ts'
import { prepMessage } from './message.ts'
import { prepFd, requireFd } from './operands.ts'
import {
  ACCEPT_MULTISHOT,
  OP_ACCEPT,
  OP_CONNECT,
  OP_RECV,
  OP_RECVMSG,
  OP_SEND,
  OP_SENDMSG,
  OP_SHUTDOWN,
  RECV_MULTISHOT,
  SQE_ADDRESS,
  SQE_BUFFER,
  SQE_BUFFER_SELECT,
  SQE_LENGTH,
  SQE_OFFSET,
  SQE_OP_FLAGS,
  SQE_OPCODE,
} from './uapi.ts'
import { requirePart } from './views.ts'

// Operations on sockets.

const MSG_NOSIGNAL = 0x4000

export function prepAccept(entry: Entry, fd: number, flags: number): void {
  requireInteger(flags, 'flags', 0, 0x7fff_ffff)
  prepFd(entry, OP_ACCEPT, fd)
  entry.words[SQE_OP_FLAGS] = flags
}

export function prepAcceptMultishot(entry: Entry, fd: number, flags: number): void {
  prepAccept(entry, fd, flags)
  entry.words[SQE_OPCODE]! |= ACCEPT_MULTISHOT << 16
}

export function prepConnect(entry: Entry, fd: number, address: ArrayBufferView): void {
  requireFd(fd)
  const view = requireView(address, 'address')
  entry.wide(SQE_ADDRESS, entry.claim().source(view))
  entry.wide(SQE_OFFSET, lengthOf(view))
  entry.write(OP_CONNECT, fd)
}

export function prepSend(entry: Entry, fd: number, buffer: ArrayBufferView, flags: number): void {
  requireInteger(flags, 'flags', 0, 0x7fff_ffff)
  requireFd(fd)
  const view = requirePart(buffer, 'buffer')
  entry.wide(SQE_ADDRESS, entry.claim().source(view))
  entry.words[SQE_LENGTH] = lengthOf(view)
  entry.write(OP_SEND, fd)
  entry.words[SQE_OP_FLAGS] = flags | MSG_NOSIGNAL
}

export function prepRecv(entry: Entry, fd: number, buffer: ArrayBufferView, flags: number): void {
  requireInteger(flags, 'flags', 0, 0x7fff_ffff)
  requireFd(fd)
  const view = requirePart(buffer, 'buffer')
  entry.wide(SQE_ADDRESS, entry.claim().target(view))
  entry.words[SQE_LENGTH] = lengthOf(view)
  entry.write(OP_RECV, fd)
  entry.words[SQE_OP_FLAGS] = flags
}

export function prepRecvMultishot(entry: Entry, fd: number, group: BufferGroup, flags: number): void {
  requireInteger(flags, 'flags', 0, 0x7fff_ffff)
  if (!UringBufferGroup.is(group)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"group" must be what createBufferGroup() gave. Received ${describe(group)}.`,
    )
  }
  requireFd(fd)
  const request = entry.claim()
  if (group.host !== request.host) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      '"group" belongs to another ring: make one with the createBufferGroup() of this.',
    )
  }
  group.lend(request)
  entry.write(OP_RECV, fd)
  entry.words[SQE_OPCODE]! |= (RECV_MULTISHOT << 16) | SQE_BUFFER_SELECT
  entry.words[SQE_OP_FLAGS] = flags
  entry.words[SQE_BUFFER] = group.id
}

export function prepSendmsg(entry: Entry, fd: number, message: SqeMessage, flags: number): void {
  prepMessage(entry, OP_SENDMSG, fd, message, requireInteger(flags, 'flags', 0, 0x7fff_ffff) | MSG_NOSIGNAL)
}

export function prepRecvmsg(entry: Entry, fd: number, message: SqeMessage, flags: number): void {
  prepMessage(entry, OP_RECVMSG, fd, message, requireInteger(flags, 'flags', 0, 0x7fff_ffff))
}

export function prepShutdown(entry: Entry, fd: number, how: number): void {
  requireInteger(how, 'how', 0, 2)
  prepFd(entry, OP_SHUTDOWN, fd)
  entry.words[SQE_LENGTH] = how
}
