import { type AioContext, Feed, type FeedOptions, type FeedSource, type SqeRequest } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { CQE_F_MORE } from '@aiokit/fdmon'
import { close, EAGAIN, ECANCELED, ECONNABORTED, EINTR, EINVAL, SOCK_CLOEXEC, SystemError } from '@aiokit/sys'
import type { CallbackIo } from './callback-io.ts'
import type { IoRequest } from './operation.ts'

/** So many connections wait here for somebody to take them; further ones in the socket's own queue. */
const MAX_KEPT = 64

/** The connections of a listening socket: by one request for many where the ring has that, else by one after the other. */
export class Accepts implements FeedSource<number> {
  readonly feed: Feed<number>
  readonly #ctx: AioContext
  readonly #io: CallbackIo
  readonly #fd: number
  readonly #flags: number
  #isMultishot: boolean
  #request: SqeRequest | IoRequest | null = null
  #ended: (() => void) | null = null

  /** @throws as `new Feed` */
  constructor(ctx: AioContext, io: CallbackIo, fd: number, flags: number, options: FeedOptions) {
    this.#ctx = ctx
    this.#io = io
    this.#fd = fd
    this.#flags = flags
    this.#isMultishot = io.aio === 'io_uring'
    this.feed = new Feed(ctx, this, options)
  }

  want(): void {
    if (this.#request !== null) return
    this.#request = this.#isMultishot
      ? this.#ctx.addSqe(
          (sqe) => sqe.prepAcceptMultishot(this.#fd, this.#flags | SOCK_CLOEXEC),
          this.#accepted,
        )
      : this.#io.acceptAio(this.#fd, this.#flags, (res) => this.#accepted(res, 0))
  }

  close(): Promise<void> | undefined {
    if (this.#request === null) return undefined
    this.#request.cancel()
    return new Promise((resolve) => {
      this.#ended = resolve
    })
  }

  drop(fd: number): void {
    close(fd)
  }

  readonly #accepted = (res: number, flags: number): void => {
    const hasEnded = (flags & CQE_F_MORE) === 0
    if (hasEnded) this.#request = null
    if (res >= 0) this.feed.give(res)
    else if (this.#ended === null) this.#failed(res)
    if (!hasEnded) {
      if (this.feed.kept >= MAX_KEPT) this.#request!.cancel()
    } else if (this.#ended !== null) this.#ended()
    else if (this.feed.isWanted) this.#again()
  }

  #failed(res: number): void {
    if (this.#isMultishot && (res === -EINVAL || res === -EAGAIN)) {
      // Before Linux 5.19, or a socket with O_NONBLOCK.
      this.#isMultishot = false
    } else if (res === -ECANCELED) {
      // Either there were too many, or the AioIo was closed.
      if (!this.#isMultishot) this.feed.fail(aioError('ERR_AIO_CLOSED', 'This AioIo was closed.'))
    } else if (res !== -ECONNABORTED && res !== -EINTR) {
      this.feed.fail(new SystemError(res, 'accept'))
    }
  }

  #again(): void {
    try {
      this.want()
    } catch (error) {
      this.feed.fail(error)
    }
  }
}
