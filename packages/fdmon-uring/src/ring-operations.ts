import { aioTypeError, describe, requireInteger, requireNumber } from '@aiokit/errors'
import { ERR, HUP, type SqeRequest } from '@aiokit/fdmon'
import type { Entry } from './entry.ts'
import { NO_FD, prepFd } from './operands.ts'
import { UringRequest } from './request.ts'
import {
  OP_ASYNC_CANCEL,
  OP_LINK_TIMEOUT,
  OP_NOP,
  OP_POLL_ADD,
  OP_POLL_REMOVE,
  OP_TIMEOUT,
  SQE_ADDRESS,
  SQE_LENGTH,
  SQE_OFFSET,
  SQE_OP_FLAGS,
} from './uapi.ts'
import { writeWide } from './vector.ts'

// Operations on requests of the ring itself, and on nothing.

export function prepNop(entry: Entry): void {
  entry.claim()
  entry.write(OP_NOP, NO_FD)
}

export function prepPollAdd(entry: Entry, fd: number, events: number): void {
  requireInteger(events, 'events', 0, 0xffff)
  prepFd(entry, OP_POLL_ADD, fd)
  entry.words[SQE_OP_FLAGS] = events | ERR | HUP
}

export function prepPollRemove(entry: Entry, request: SqeRequest): void {
  other(entry, OP_POLL_REMOVE, request)
}

export function prepTimeout(entry: Entry, timeoutNs: number, count: number): void {
  requireInteger(count, 'count', 0, 0x7fff_ffff)
  timeout(entry, OP_TIMEOUT, timeoutNs)
  entry.wide(SQE_OFFSET, count)
}

export function prepLinkTimeout(entry: Entry, timeoutNs: number): void {
  timeout(entry, OP_LINK_TIMEOUT, timeoutNs)
}

export function prepCancel(entry: Entry, request: SqeRequest): void {
  other(entry, OP_ASYNC_CANCEL, request)
}

function timeout(entry: Entry, opcode: number, timeoutNs: number): void {
  requireNumber(timeoutNs, 'timeoutNs', 0, Number.MAX_SAFE_INTEGER)
  const block = entry.claim().scratch(16)
  const spec = new DataView(block.bytes.buffer, block.bytes.byteOffset, 16)
  writeWide(spec, 0, Math.floor(timeoutNs / 1e9))
  writeWide(spec, 8, Math.floor(timeoutNs % 1e9))
  entry.wide(SQE_ADDRESS, block.address)
  entry.words[SQE_LENGTH] = 1
  entry.write(opcode, NO_FD)
}

function other(entry: Entry, opcode: number, request: SqeRequest): void {
  if (!UringRequest.is(request)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"request" must be what addSqe() returned. Received ${describe(request)}.`,
    )
  }
  if (request.host !== entry.claim().host) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      '"request" belongs to another ring: call its cancel() instead.',
    )
  }
  entry.write(opcode, NO_FD)
  entry.words[SQE_ADDRESS] = request.slot
  // One that is done has no tag: nothing matches it.
  entry.words[SQE_ADDRESS + 1] = request.tag
}
