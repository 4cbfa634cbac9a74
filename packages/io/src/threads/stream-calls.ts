import { isGone, lengthOf } from '@aiokit/buffer-pool'
import {
  accept4,
  connect,
  EALREADY,
  EFAULT,
  EINPROGRESS,
  EINTR,
  EISCONN,
  ESPIPE,
  F_GETFL,
  F_SETFL,
  fcntl,
  getsockopt,
  MSG_DONTWAIT,
  O_NONBLOCK,
  recv,
  recvmsg,
  S_IFSOCK,
  SO_ACCEPTCONN,
  SO_ERROR,
  SO_TYPE,
  SOCK_DGRAM,
  SOL_SOCKET,
  send,
  sendmsg,
  shutdown,
} from '@aiokit/sys'
import * as op from '../opcodes.ts'
import type { Operation } from '../operation.ts'
import { transferWithoutWaiting } from './transfer.ts'

/** What the system call of `operation` returns for `fd`; -EAGAIN, or -EINPROGRESS of a connection, if it would block. */
export function call(operation: Operation, fd: number): number {
  const { view, views } = operation
  if ((view !== null && isGone(view)) || views?.some(isGone) === true) return -EFAULT
  let res: number
  do {
    res = callOnce(operation, fd)
  } while (res === -EINTR)
  return res
}

function callOnce(operation: Operation, fd: number): number {
  const { kind, view, first } = operation
  switch (kind) {
    case op.RECV:
      return recv(fd, view!, 0, lengthOf(view!), first | MSG_DONTWAIT)
    case op.SEND:
      return send(fd, view!, 0, lengthOf(view!), first | MSG_DONTWAIT)
    case op.ACCEPT:
      return acceptWithoutWaiting(fd, first)
    case op.CONNECT:
      return operation.watchFd < 0 ? connectWithoutWaiting(fd, view!) : goOnConnecting(fd, view!)
    case op.SHUTDOWN:
      return shutdown(fd, first)
    default:
      return operation.fileType === S_IFSOCK
        ? transferMessage(operation, fd)
        : transferWithoutWaiting(operation, fd)
  }
}

/** read(2) and its like of a socket: they have no flags, and are the same otherwise. */
function transferMessage(operation: Operation, fd: number): number {
  const { kind, view, views } = operation
  if (operation.position > 0) return -ESPIPE
  // What is left of a long one has none, either.
  operation.position = -1
  // Nothing is not a message: one that waits is not lost to a read of no bytes.
  if (op.isReading(kind) && (views ?? [view!]).every((one) => lengthOf(one) === 0)) return 0
  if (kind === op.READ) return recv(fd, view!, 0, lengthOf(view!), MSG_DONTWAIT)
  if (kind === op.WRITE) return send(fd, view!, 0, lengthOf(view!), MSG_DONTWAIT)
  return kind === op.READV ? recvmsg(fd, views!, MSG_DONTWAIT) : sendmsg(fd, views!, MSG_DONTWAIT)
}

/**
 * accept(2) knows no flag for it, and a connection that poll(2) has seen may be another thread's by now. So a socket that
 * listens is given O_NONBLOCK and keeps it: to take it away again would let the call of another thread block that has
 * just found it there.
 */
function acceptWithoutWaiting(fd: number, flags: number): number {
  const now = fcntl(fd, F_GETFL, 0)
  if (now >= 0 && (now & O_NONBLOCK) === 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1)
    fcntl(fd, F_SETFL, now | O_NONBLOCK)
  return accept4(fd, flags)
}

/**
 * connect(2) knows no flag for it either. Here O_NONBLOCK goes again, because the program may want to read and write by
 * itself later: a socket without a connection has no other users, and what is asked of it here never goes by its flags.
 */
function connectWithoutWaiting(fd: number, address: ArrayBufferView): number {
  const flags = fcntl(fd, F_GETFL, 0)
  if (flags < 0) return flags
  // Without a connection there is nothing to wait for, and there may be users.
  if ((flags & O_NONBLOCK) !== 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE) === SOCK_DGRAM)
    return connect(fd, address)
  fcntl(fd, F_SETFL, flags | O_NONBLOCK)
  const res = connect(fd, address)
  fcntl(fd, F_SETFL, flags)
  return res
}

/** Asking again is how the socket itself learns that it is connected: until then it lets itself be connected once more. */
function goOnConnecting(fd: number, address: ArrayBufferView): number {
  const res = connectWithoutWaiting(fd, address)
  if (res === -EALREADY) return -EINPROGRESS
  return res === -EISCONN ? 0 - getsockopt(fd, SOL_SOCKET, SO_ERROR) : res
}
