import { type AioContext, Feed, type FeedOptions, type FeedSource } from '@aiokit/aio'
import { aioError } from '@aiokit/errors'
import { ECANCELED, SystemError } from '@aiokit/sys'
import type { CallbackIo } from './callback-io.ts'
import type { IoRequest } from './operation.ts'

/** What can be read from a descriptor, in parts, until it ends: each is read when somebody waits for it. */
export class Chunks implements FeedSource<Uint8Array<ArrayBuffer>> {
  readonly feed: Feed<Uint8Array<ArrayBuffer>>
  readonly #io: CallbackIo
  readonly #fd: number
  readonly #size: number
  /** Where it is read to, and copied from: what is given has the size that it needs, and memory of its own. */
  #buffer: Uint8Array<SharedArrayBuffer> | null = null
  #request: IoRequest | null = null
  #ended: (() => void) | null = null

  /** @throws as `new Feed` */
  constructor(ctx: AioContext, io: CallbackIo, fd: number, size: number, options: FeedOptions) {
    this.#io = io
    this.#fd = fd
    this.#size = size
    this.feed = new Feed(ctx, this, options)
  }

  want(): void {
    this.#buffer ??= this.#io.allocate(this.#size)
    this.#request = this.#io.readAio(this.#fd, this.#buffer, -1, this.#read)
  }

  async close(): Promise<void> {
    if (this.#request !== null) {
      this.#request.cancel()
      await new Promise<void>((resolve) => {
        this.#ended = resolve
      })
    }
    if (this.#buffer !== null) this.#io.free(this.#buffer)
    this.#buffer = null
  }

  readonly #read = (res: number): void => {
    this.#request = null
    if (this.#ended !== null) this.#ended()
    else if (res > 0) this.feed.give(this.#buffer!.slice(0, res) as unknown as Uint8Array<ArrayBuffer>)
    else if (res === 0) this.feed.end()
    else if (res === -ECANCELED) this.feed.fail(aioError('ERR_AIO_CLOSED', 'This AioIo was closed.'))
    else this.feed.fail(new SystemError(res, 'read'))
  }
}
