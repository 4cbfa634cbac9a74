import type { BufferGroup, Sqe, SqeMessage, SqeRequest } from '@aiokit/fdmon'
import type { Entry } from './entry.ts'
import * as files from './file-operations.ts'
import * as ring from './ring-operations.ts'
import * as sockets from './socket-operations.ts'
import { SQE_ASYNC, SQE_FIXED_FILE, SQE_IO_HARDLINK, SQE_IO_LINK } from './uapi.ts'

/** What the function given to `addSqe` gets: all that it may do to the entry. */
export class PreparedSqe implements Sqe {
  readonly #entry: Entry

  constructor(entry: Entry) {
    this.#entry = entry
  }

  prepNop(): void {
    ring.prepNop(this.#entry)
  }

  prepRead(fd: number, buffer: ArrayBufferView, position: number): void {
    files.prepRead(this.#entry, fd, buffer, position)
  }

  prepWrite(fd: number, buffer: ArrayBufferView, position: number): void {
    files.prepWrite(this.#entry, fd, buffer, position)
  }

  prepReadv(fd: number, buffers: readonly ArrayBufferView[], position: number): void {
    files.prepReadv(this.#entry, fd, buffers, position)
  }

  prepWritev(fd: number, buffers: readonly ArrayBufferView[], position: number): void {
    files.prepWritev(this.#entry, fd, buffers, position)
  }

  prepReadFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void {
    files.prepReadFixed(this.#entry, fd, buffer, position, index)
  }

  prepWriteFixed(fd: number, buffer: ArrayBufferView, position: number, index: number): void {
    files.prepWriteFixed(this.#entry, fd, buffer, position, index)
  }

  prepFsync(fd: number, dataOnly: boolean = false): void {
    files.prepFsync(this.#entry, fd, dataOnly)
  }

  prepFallocate(fd: number, mode: number, offset: number, length: number): void {
    files.prepFallocate(this.#entry, fd, mode, offset, length)
  }

  prepOpenat(dirfd: number, path: string, flags: number, mode: number = 0o666): void {
    files.prepOpenat(this.#entry, dirfd, path, flags, mode)
  }

  prepClose(fd: number): void {
    files.prepClose(this.#entry, fd)
  }

  prepStatx(dirfd: number, path: string, flags: number, mask: number, out: ArrayBufferView): void {
    files.prepStatx(this.#entry, dirfd, path, flags, mask, out)
  }

  prepAccept(fd: number, flags: number): void {
    sockets.prepAccept(this.#entry, fd, flags)
  }

  prepAcceptMultishot(fd: number, flags: number): void {
    sockets.prepAcceptMultishot(this.#entry, fd, flags)
  }

  prepConnect(fd: number, address: ArrayBufferView): void {
    sockets.prepConnect(this.#entry, fd, address)
  }

  prepSend(fd: number, buffer: ArrayBufferView, flags: number): void {
    sockets.prepSend(this.#entry, fd, buffer, flags)
  }

  prepRecv(fd: number, buffer: ArrayBufferView, flags: number): void {
    sockets.prepRecv(this.#entry, fd, buffer, flags)
  }

  prepRecvMultishot(fd: number, group: BufferGroup, flags: number): void {
    sockets.prepRecvMultishot(this.#entry, fd, group, flags)
  }

  prepSendmsg(fd: number, message: SqeMessage, flags: number): void {
    sockets.prepSendmsg(this.#entry, fd, message, flags)
  }

  prepRecvmsg(fd: number, message: SqeMessage, flags: number): void {
    sockets.prepRecvmsg(this.#entry, fd, message, flags)
  }

  prepShutdown(fd: number, how: number): void {
    sockets.prepShutdown(this.#entry, fd, how)
  }

  prepSplice(
    fdIn: number,
    offsetIn: number,
    fdOut: number,
    offsetOut: number,
    length: number,
    flags: number,
  ): void {
    files.prepSplice(this.#entry, fdIn, offsetIn, fdOut, offsetOut, length, flags)
  }

  prepPollAdd(fd: number, events: number): void {
    ring.prepPollAdd(this.#entry, fd, events)
  }

  prepPollRemove(request: SqeRequest): void {
    ring.prepPollRemove(this.#entry, request)
  }

  prepTimeout(timeoutNs: number, count: number = 0): void {
    ring.prepTimeout(this.#entry, timeoutNs, count)
  }

  prepLinkTimeout(timeoutNs: number): void {
    ring.prepLinkTimeout(this.#entry, timeoutNs)
  }

  prepCancel(request: SqeRequest): void {
    ring.prepCancel(this.#entry, request)
  }

  link(): void {
    this.#entry.flag(SQE_IO_LINK)
  }

  hardlink(): void {
    this.#entry.flag(SQE_IO_HARDLINK)
  }

  drain(): void {
    this.#entry.flag(0)
    this.#entry.isDrain = true
  }

  async(): void {
    this.#entry.flag(SQE_ASYNC)
  }

  fixedFile(): void {
    this.#entry.flag(SQE_FIXED_FILE)
  }
}
