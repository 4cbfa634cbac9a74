import { type Bytes, native } from './native.ts'

// All return -errno on failure. Addresses are bytes made by encodeAddress().

/** socket(2). Add `SOCK_CLOEXEC | SOCK_NONBLOCK` to the type. Returns a descriptor. */
export const socket: (domain: number, type: number, protocol: number) => number = native.socket

/** socketpair(2). `fds` gets the two ends. */
export const socketpair: (domain: number, type: number, protocol: number, fds: Int32Array) => number =
  native.socketpair

/** bind(2) */
export const bind: (fd: number, address: Bytes) => number = native.bind

/** connect(2). -EINPROGRESS on a non-blocking socket: it is writable when done, and `SO_ERROR` tells how it went. */
export const connect: (fd: number, address: Bytes) => number = native.connect

/** listen(2) */
export const listen: (fd: number, backlog: number) => number = native.listen

/** accept4(2) with `SOCK_CLOEXEC` and `SOCK_NONBLOCK` as flags. Returns a descriptor. */
export const accept4: (fd: number, flags: number) => number = native.accept4

/** shutdown(2) with `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`. */
export const shutdown: (fd: number, how: number) => number = native.shutdown

/** send(2), always with MSG_NOSIGNAL. Returns the count, which may be short. */
export const send: (fd: number, view: Bytes, offset: number, length: number, flags: number) => number =
  native.send

/** recv(2). Returns the count; 0 is the end of a stream. */
export const recv: (fd: number, view: Bytes, offset: number, length: number, flags: number) => number =
  native.recv

/** sendmsg(2) of one message from up to 1024 views, always with MSG_NOSIGNAL; without an address or control data. */
export const sendmsg: (fd: number, views: readonly Bytes[], flags: number) => number = native.sendmsg

/** recvmsg(2) of one message into up to 1024 views; without an address or control data. */
export const recvmsg: (fd: number, views: readonly Bytes[], flags: number) => number = native.recvmsg

/** getsockname(2). Returns the length of the address; decodeAddress() reads it. */
export const getsockname: (fd: number, address: Bytes) => number = native.getsockname

/** getpeername(2). Returns the length of the address; decodeAddress() reads it. */
export const getpeername: (fd: number, address: Bytes) => number = native.getpeername

/** getsockopt(2) of an option that is an int. Returns its value; the few options that can be negative look like an error. */
export const getsockopt: (fd: number, level: number, name: number) => number = native.getsockopt

/** setsockopt(2) of an option that is an int. */
export const setsockopt: (fd: number, level: number, name: number, value: number) => number =
  native.setsockopt
