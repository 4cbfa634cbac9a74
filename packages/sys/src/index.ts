export { clockGettime, monotonicNs, timerfdCreate, timerfdSettime } from './clock.ts'
export * from './constants.ts'
export {
  close,
  disown,
  duplicate,
  eventfd,
  eventfdRead,
  eventfdWrite,
  fcntl,
  own,
  pipe2,
  read,
  write,
} from './descriptor.ts'
export * from './errno.ts'
export {
  fallocate,
  fdatasync,
  fsync,
  lseek,
  openat,
  pread,
  preadPiece,
  preadv2,
  pwrite,
  pwritePiece,
  pwritev2,
  statx,
} from './file.ts'
export * from './host.ts'
export {
  INOTIFY_EVENT_MAX,
  type InotifyEvent,
  inotifyAddWatch,
  inotifyEvents,
  inotifyInit1,
  inotifyRmWatch,
} from './inotify.ts'
export { type Bytes, type Native, nativePath } from './native.ts'
export { epollCreate1, epollCtl, epollPwait2, epollWait, ppoll } from './poll.ts'
export {
  accept4,
  bind,
  connect,
  getpeername,
  getsockname,
  getsockopt,
  listen,
  recv,
  recvmsg,
  send,
  sendmsg,
  setsockopt,
  shutdown,
  socket,
  socketpair,
} from './socket.ts'
export { decodeAddress, encodeAddress, SOCKADDR_MAX, type SocketAddress } from './socket-address.ts'
export { check, SystemError } from './system-error.ts'
export {
  addressOf,
  IO_URING_GIVES_DESCRIPTOR,
  IO_URING_PARAMS_SIZE,
  IO_URING_RINGS,
  IO_URING_SQES,
  ioUringCancelAll,
  ioUringCount,
  ioUringEnter,
  ioUringMap,
  ioUringProbe,
  ioUringRegisterBufferRing,
  ioUringRegisterBuffers,
  ioUringRegisterEventfd,
  ioUringRegisterFiles,
  ioUringSetup,
  ioUringUnmap,
  ioUringUnregisterBufferRing,
  ioUringUnregisterBuffers,
  ioUringUnregisterFiles,
  ioUringUpdateFiles,
} from './uring.ts'
