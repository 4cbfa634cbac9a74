import type { AioContext, BottomHalf } from '@aiokit/aio'
import { type ListLink, QTailQ } from '@aiokit/qlist'
import { aioCoSchedule, aioCoScheduleBhCb } from '@aiokit/trace'
import type { Coroutine } from './coroutine.ts'
import { ENDED, REPORTING, RUNNING, SCHEDULED } from './flags.ts'
import { cannotEnter, contextClosed, requireContext } from './misuse.ts'
import { run, wake } from './switch.ts'

/** Something with a timer of the context, which has to hear that it will never fire. */
export interface Timed {
  readonly link: ListLink<Timed>
  contextClosed(error: Error): void
}

/** What the coroutines of one context have in common: the line of those that a bottom half enters. */
export class Home {
  readonly ctx: AioContext
  closed = false
  /** What waits for a timer of the context. */
  readonly timed: QTailQ<Timed> = new QTailQ<Timed>()
  #first: Coroutine<unknown> | null = null
  #last: Coroutine<unknown> | null = null
  #bh: BottomHalf | null = null
  #epoch = 0

  /** @throws `ERR_AIO_CLOSED` */
  constructor(ctx: AioContext) {
    this.ctx = ctx
    ctx.onClose(() => this.#close())
  }

  /** The context's bottom half is going to enter `co`, which is not scheduled. In the order of these calls. */
  schedule(co: Coroutine<unknown>): void {
    if (aioCoSchedule.hasSubscribers) aioCoSchedule.publish({ ctx: this.ctx, co })
    this.#append(co)
    co.flags |= SCHEDULED
  }

  /** The context's bottom half is going to throw the error of `co`, which has ended. */
  report(co: Coroutine<unknown>): void {
    // One that scheduled itself and then ended is in line.
    if (!(co.flags & SCHEDULED)) this.#append(co)
    co.flags |= REPORTING
  }

  #append(co: Coroutine<unknown>): void {
    this.#bh ??= this.ctx.createBottomHalf(() => this.#run(), { name: 'coroutines' })
    // First, since it is a call: if the stack is full nothing has changed, and it may be asked for again.
    this.#bh.schedule()
    co.next = null
    co.epoch = this.#epoch
    if (this.#last === null) this.#first = co
    else this.#last.next = co
    this.#last = co
  }

  #shift(): Coroutine<unknown> {
    const co = this.#first!
    this.#first = co.next
    if (this.#first === null) this.#last = null
    co.next = null
    return co
  }

  /** As the bottom halves themselves: what is scheduled meanwhile is for the next run, a nested run goes on with this. */
  #run(): void {
    const epoch = ++this.#epoch
    let co: Coroutine<unknown> | null = null
    try {
      while (this.#first !== null && this.#first.epoch < epoch) {
        // For a nested poll, and for the next one if this throws.
        if (this.#first.next !== null) this.#bh!.schedule()
        co = this.#shift()
        this.#enter(co)
        co = null
      }
    } finally {
      if (co !== null && co.flags & SCHEDULED && co.epoch < epoch) this.#putBack(co)
      if (this.#first === null) this.#bh?.cancel()
    }
  }

  /** It has not begun, because the stack was full. */
  #putBack(co: Coroutine<unknown>): void {
    co.next = this.#first
    this.#first = co
    this.#last ??= co
    this.#bh!.schedule()
  }

  #enter(co: Coroutine<unknown>): void {
    if (co.flags & REPORTING) co.throwUnlessSeen()
    else if (co.flags & (RUNNING | ENDED)) {
      co.flags &= ~SCHEDULED
      throw cannotEnter(co)
    } else {
      if (aioCoScheduleBhCb.hasSubscribers) aioCoScheduleBhCb.publish({ ctx: this.ctx, co })
      co.home = this
      run(co)
    }
  }

  /** Who waits for a timer, or for the bottom half, would wait for ever: it is cancelled. */
  #close(): void {
    this.closed = true
    const error = contextClosed(this.ctx)
    for (let timed = this.timed.first; timed !== null; timed = this.timed.first) {
      this.timed.remove(timed.link)
      timed.contextClosed(error)
    }
    let failure: { error: unknown } | null = null
    while (this.#first !== null) {
      const co = this.#shift()
      if (!(co.flags & ENDED)) {
        co.flags &= ~SCHEDULED
        co.home = this
        co.leaveClosed()
        // Also if it is shielded: it was given what it has waited for.
        wake(co)
      } else if (failure !== null) process.nextTick(() => co.throwUnlessSeen())
      else {
        try {
          co.throwUnlessSeen()
        } catch (error) {
          failure = { error }
        }
      }
    }
    this.#bh?.delete()
    this.#bh = null
    if (failure !== null) throw failure.error
  }
}

const homes = new WeakMap<AioContext, Home>()

/** @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_CLOSED` */
export function homeOf(ctx: AioContext): Home {
  let home = homes.get(ctx)
  if (home === undefined) {
    home = new Home(requireContext(ctx))
    homes.set(ctx, home)
  }
  if (home.closed) throw contextClosed(ctx)
  return home
}
