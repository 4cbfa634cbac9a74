import { type AioContext, EventNotifier } from 'aiokit'
import { Unavailable } from './row.ts'

/** @throws what `open` throws, but Unavailable if the process may not have that many descriptors */
export function orLackOfDescriptors<T>(count: number, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
    throw new Unavailable(`needs ${count} descriptors: raise the limit, see ulimit -n`)
  }
}

/** Event notifiers that a context watches and whose callbacks clear them, each with its own, as programs do it. */
export class Watched implements Disposable {
  readonly notifiers: EventNotifier[] = []
  readonly #ctx: AioContext
  #dispatched = 0

  /** @throws Unavailable if the process may not have that many descriptors */
  constructor(ctx: AioContext, count: number) {
    this.#ctx = ctx
    orLackOfDescriptors(count, () => {
      for (let i = 0; i < count; i++) {
        const notifier = new EventNotifier()
        this.notifiers.push(notifier)
        ctx.setEventNotifier(notifier, {
          read: () => {
            notifier.testAndClear()
            this.#dispatched++
          },
        })
      }
    })
  }

  /** How many events were dispatched since the last `takeDispatched()`. */
  get dispatched(): number {
    return this.#dispatched
  }

  /** How many events were dispatched since the last call. */
  takeDispatched(): number {
    const dispatched = this.#dispatched
    this.#dispatched = 0
    return dispatched
  }

  /** @throws Error if not every event, or one twice, was dispatched since the last call */
  expect(events: number): void {
    const dispatched = this.takeDispatched()
    if (dispatched !== events) throw new Error(`${dispatched} events were dispatched instead of ${events}`)
  }

  [Symbol.dispose](): void {
    for (const notifier of this.notifiers) {
      this.#ctx.setEventNotifier(notifier, null)
      notifier.close()
    }
  }
}
