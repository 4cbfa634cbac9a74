import type { Clock, Timer } from '@aiokit/timers'
import type { AioContext } from './aio-context.ts'
import { Feed, type FeedOptions, type FeedSource } from './feed.ts'

/**
 * Periods that pass on a clock. They are counted from the beginning, so that nothing adds up; the timer is armed only while
 * somebody waits.
 */
export class Interval implements FeedSource<number> {
  readonly feed: Feed<number>
  readonly #clock: Clock
  readonly #periodNs: number
  readonly #timer: Timer
  readonly #startNs: number
  /** Periods that were told. */
  #told = 0

  /** @throws as `new Feed` and `createTimer` */
  constructor(ctx: AioContext, clock: Clock, periodNs: number, options: FeedOptions) {
    this.#clock = clock
    this.#periodNs = periodNs
    this.#timer = ctx.createTimer(clock, () => this.want())
    this.#startNs = clock.now()
    this.feed = new Feed(ctx, this, options)
  }

  want(): void {
    const passed = Math.floor((this.#clock.now() - this.#startNs) / this.#periodNs)
    const count = passed - this.#told
    // Not above 0: the clock was set back, or the timer came early.
    if (count > 0) {
      this.#told = passed
      this.feed.give(count)
    } else {
      this.#timer.mod(this.#startNs + (this.#told + 1) * this.#periodNs)
    }
  }

  close(): undefined {
    this.#timer.del()
  }
}
