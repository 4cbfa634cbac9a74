/**
 * One entry of the submission queue, to be filled by exactly one `prep` method (named as in liburing) and, if need be,
 * flags. It is good inside the function that `addSqe` calls and not after.
 *
 * Memory is any view. What `bufferPool.allocate()` gave is used as it is; anything else is copied on the way in or out,
 * because the kernel must not be given memory that JavaScript can move or free. A view that was detached or has shrunk
 * before what was read could be copied into it makes the request end with -EFAULT.
 *
 * Offsets, lengths and positions are bytes. `position` -1 is the file's own position, also right for pipes and sockets.
 * Numbers out of range and values of the wrong type throw, and nothing is submitted.
 *
 * Descriptors may well be blocking: nothing waits for them but the ring. On one that has O_NONBLOCK a read or a write
 * that would have to wait ends with -EAGAIN; what is for sockets waits unless its flags have MSG_DONTWAIT.
 */
export interface Sqe {
  /** Does nothing, and completes with 0. */
  prepNop(): void
  /** pread(2), or read(2) with position -1. Completes with a count, which may be short, or -errno. */
  prepRead(fd: number, buffer: ArrayBufferView, position: number): void
  /** pwrite(2), or write(2) with position -1. */
  prepWrite(fd: number, buffer: ArrayBufferView, position: number): void
  /** preadv(2): at most 1024 views. */
  prepReadv(fd: number, buffers: readonly ArrayBufferView[], position: number): void
  /** pwritev(2): at most 1024 views. */
  prepWritev(fd: number, buffers: readonly ArrayBufferView[], position: number): void
  /** As `prepRead`, with a buffer that lies in registered buffer number `index` (`registerBuffers`); else it is -EFAULT. */
  prepReadFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void
  /** As `prepWrite`, with a buffer that lies in registered buffer number `index`. */
  prepWriteFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void
  /** fsync(2), or with `dataOnly` fdatasync(2). */
  prepFsync(fd: number, dataOnly?: boolean): void
  /** fallocate(2) */
  prepFallocate(fd: number, mode: number, offset: number, length: number): void
  /**
   * openat(2). Add O_CLOEXEC. Completes with a descriptor, which is the handler's: also after `cancel()`, which may come
   * too late. Only if the thread ends before it is delivered, it is closed. `dirfd` may be `AT_FDCWD` of
   * @aiokit/sys.
   */
  prepOpenat(dirfd: number, path: string, flags: number, mode?: number): void
  /**
   * close(2). The end of the thread does not close the descriptor any more, if `own()` of `@aiokit/sys` had told it to:
   * with -ECANCELED it is open, and for the handler to close.
   */
  prepClose(fd: number): void
  /** statx(2), into `out` of at least 256 bytes. */
  prepStatx(dirfd: number, path: string, flags: number, mask: number, out: ArrayBufferView): void
  /** accept4(2). Completes with a descriptor, as `prepOpenat`. */
  prepAccept(fd: number, flags: number): void
  /** As `prepAccept`, one completion for each connection, until cancelled or until one comes without `CQE_F_MORE`. */
  prepAcceptMultishot(fd: number, flags: number): void
  /** connect(2), with an address made by `encodeAddress()`. */
  prepConnect(fd: number, address: ArrayBufferView): void
  /** send(2), always with MSG_NOSIGNAL. Completes with a count, which may be short. */
  prepSend(fd: number, buffer: ArrayBufferView, flags: number): void
  /** recv(2). Completes with a count; 0 is the end of a stream. */
  prepRecv(fd: number, buffer: ArrayBufferView, flags: number): void
  /** As `prepRecv`, into buffers of a group, one completion for each message, until one comes without `CQE_F_MORE`. */
  prepRecvMultishot(fd: number, group: BufferGroup, flags: number): void
  /** sendmsg(2), always with MSG_NOSIGNAL. */
  prepSendmsg(fd: number, message: SqeMessage, flags: number): void
  /**
   * recvmsg(2). `message.address`, if given, gets the sender's; `decodeAddress(address, length)` reads it. `message` is
   * written to when the request is done, so it must not be frozen.
   */
  prepRecvmsg(fd: number, message: SqeMessage, flags: number): void
  /** shutdown(2) */
  prepShutdown(fd: number, how: number): void
  /** splice(2), one of the two a pipe. Offset -1 is for the pipe, or the file's own position. */
  prepSplice(
    fdIn: number,
    offsetIn: number,
    fdOut: number,
    offsetOut: number,
    length: number,
    flags: number,
  ): void
  /** poll(2) for `events`, once. Completes with what was seen. */
  prepPollAdd(fd: number, events: number): void
  /** Ends a `prepPollAdd` request. Completes with 0 or -ENOENT. */
  prepPollRemove(request: SqeRequest): void
  /**
   * Completes with -ETIME after `timeoutNs`, or, if `count` is not 0, with 0 when so many others have completed on the
   * ring; descriptors that are watched and became ready are among them.
   */
  prepTimeout(timeoutNs: number, count?: number): void
  /** With `link()` before it: the limit of the request in front, which is cancelled when `timeoutNs` has passed. */
  prepLinkTimeout(timeoutNs: number): void
  /** Cancels another request. Completes with 0, -ENOENT, or -EALREADY. `request.cancel()` does it without a handler. */
  prepCancel(request: SqeRequest): void

  /**
   * IOSQE_IO_LINK: the next entry begins when this one has completed, and is cancelled if it fails. A chain ends with the
   * iteration, or with the first entry that is not linked; it has at most as many entries as the submission queue.
   */
  link(): void
  /** IOSQE_IO_HARDLINK: the next entry begins when this one has completed, however. */
  hardlink(): void
  /**
   * Begins when all requests made before have completed, and those made later begin when it has; as IOSQE_IO_DRAIN, but
   * descriptors that are watched do not count. In a chain it is for the first entry, and for all of the chain then.
   */
  drain(): void
  /**
   * IOSQE_ASYNC: goes to a kernel thread at once, without being tried first. The descriptor is looked up there, as are
   * those of a chain behind its first entry: it must stay open until then.
   */
  async(): void
  /** IOSQE_FIXED_FILE: `fd` is a place in the registered files (`registerFiles`). */
  fixedFile(): void
}

/** What sendmsg(2) and recvmsg(2) take. */
export interface SqeMessage {
  buffers: readonly ArrayBufferView[]
  /** sendmsg: made by `encodeAddress()`. recvmsg: `SOCKADDR_MAX` bytes, to be filled. */
  address?: ArrayBufferView
  /** Ancillary data, cmsg(3). */
  control?: ArrayBufferView
  /** Set by recvmsg: bytes of the sender's address, which may be more than there was room for. */
  addressLength?: number
  /** Set by recvmsg: bytes of ancillary data. */
  controlLength?: number
  /** Set by recvmsg: MSG_TRUNC and others. */
  messageFlags?: number
}

/** Buffers for the kernel to choose from when something arrives, so that waiting for many costs no memory each. */
export interface BufferGroup extends Disposable {
  /** Its number on the ring. */
  readonly id: number
  /** Bytes of each buffer. */
  readonly size: number
  /**
   * The bytes of a completion, whose `flags` say which buffer was chosen and whose `res` how much is in it; null if none
   * was chosen. They are good until `recycle(flags)`.
   */
  bytes(res: number, flags: number): Uint8Array | null
  /** Gives the buffer of a completion back to the kernel. When all are out, requests end with -ENOBUFS. */
  recycle(flags: number): void
  /** Gives all of it back. Requests that use it end with -ENOBUFS when something arrives for them. May be called twice. */
  close(): void
}

/** Of a completion's `flags`: more completions of this request will follow. */
export const CQE_F_MORE = 2

/** Who hears of the completions of a request: an object, for those who make many requests, or a function. */
export interface CqeHandler {
  /**
   * Called in a poll after the one, or in the same one, in which the request was made, never inside `addSqe`.
   *
   * @param res a count, a descriptor, 0, or -errno
   * @param flags `CQE_F_MORE` and others of io_uring(7)
   */
  complete(res: number, flags: number): void
}

/** A request on its way. */
export interface SqeRequest {
  /** False when its last completion has been delivered. */
  readonly pending: boolean
  /** Asks for an early end. The handler hears -ECANCELED, or how it went if it was too late (rule U5): what the disk is
   * busy with goes on. */
  cancel(): void
}
