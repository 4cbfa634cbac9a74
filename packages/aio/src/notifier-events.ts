import type { EventNotifier } from '@aiokit/notifier'
import type { AioContext } from './aio-context.ts'
import { Feed, type FeedOptions, type FeedSource } from './feed.ts'

/**
 * An event notifier, watched while somebody waits for it. What nobody waits for stays in the notifier, which holds one event
 * however many there were (rule N7).
 */
export class NotifierEvents implements FeedSource<void> {
  readonly feed: Feed<void>
  readonly #ctx: AioContext
  readonly #notifier: EventNotifier
  #watchedFd = -1

  /** @throws as `new Feed` */
  constructor(ctx: AioContext, notifier: EventNotifier, options: FeedOptions) {
    this.#ctx = ctx
    this.#notifier = notifier
    this.feed = new Feed(ctx, this, options)
  }

  want(): void {
    if (this.#watchedFd >= 0) return
    this.#ctx.setEventNotifier(this.#notifier, { read: () => this.#read() })
    this.#watchedFd = this.#notifier.fd
  }

  close(): undefined {
    this.#unwatch()
  }

  #read(): void {
    if (!this.feed.isWanted) {
      this.#unwatch()
      return
    }
    try {
      if (this.#notifier.testAndClear()) this.feed.give()
    } catch (error) {
      this.feed.fail(error)
    }
  }

  #unwatch(): void {
    if (this.#watchedFd >= 0) this.#ctx.setFdHandler(this.#watchedFd, null)
    this.#watchedFd = -1
  }
}
