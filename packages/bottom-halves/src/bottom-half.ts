import type { AsyncResource } from 'node:async_hooks'
import { aioError } from '@aiokit/errors'
import { ListLink } from '@aiokit/qlist'
import type { BottomHalfList } from './bottom-half-list.ts'
import type { ReentrancyGuard } from './reentrancy-guard.ts'
import type { BottomHalfHandle } from './remote-bottom-half.ts'

export interface BottomHalfOptions {
  /** Appears in warnings and traces; default the name of the callback. */
  name?: string
  guard?: ReentrancyGuard
  /** Other threads can schedule it, through its `handle`. Default false. */
  shared?: boolean
}

/**
 * A callback that runs soon, from the loop, when it is scheduled. Made by `BottomHalfList.create()`; to be used in
 * the thread of its list only, while other threads can schedule one that is `shared` through its `handle`.
 */
export class BottomHalf implements Disposable {
  /** @internal */
  readonly callback: () => void
  /** @internal */
  readonly guard: ReentrancyGuard | null
  /** @internal The async context that the callback runs in, if a host loop runs it. */
  readonly scope: AsyncResource | null
  /** @internal On the list exactly while it is scheduled. */
  readonly link: ListLink<BottomHalf>
  /** @internal Scheduled as idle. */
  idle = false
  /** @internal The run of the list that was the latest when this was scheduled; only a later run may run it. */
  epoch = 0
  /** @internal Its place among those that are shared; -1 if it is not. */
  place = -1
  #list: BottomHalfList | null
  readonly #name: string | undefined

  /** @internal */
  constructor(
    list: BottomHalfList,
    callback: () => void,
    name: string | undefined,
    guard: ReentrancyGuard | null,
    scope: AsyncResource | null,
  ) {
    this.#list = list
    this.callback = callback
    this.#name = name
    this.guard = guard
    this.scope = scope
    this.link = new ListLink<BottomHalf>(this)
  }

  /** For warnings and traces. */
  get name(): string {
    if (this.#name !== undefined) return this.#name
    // Of a function this can be anything: `static name = Symbol()` makes it one.
    const { name } = this.callback as { name: unknown }
    return typeof name === 'string' && name !== '' ? name : 'anonymous'
  }

  /**
   * Send this to another thread, and make a `RemoteBottomHalf` of it there.
   *
   * @throws `ERR_AIO_NOT_SHARED`; `ERR_AIO_BH_DELETED` after `delete()`; `ERR_AIO_CLOSED`
   */
  get handle(): BottomHalfHandle {
    const list = this.#open()
    if (this.place < 0) {
      throw aioError(
        'ERR_AIO_NOT_SHARED',
        `Bottom half "${this.name}" is not shared: create it with { shared: true }.`,
      )
    }
    return list.handleOf(this)
  }

  /**
   * The callback will run once, in a following poll, after those scheduled before. Scheduling again before it ran
   * changes nothing (rules B1 to B3).
   *
   * @throws `ERR_AIO_BH_DELETED` after `delete()`
   */
  schedule(): void {
    this.#open().schedule(this)
  }

  /**
   * The callback will run within 10 ms, when the loop comes by. This does not keep a poll from blocking and is not
   * progress (rule B6). A later `schedule()` makes it an ordinary one.
   *
   * @throws `ERR_AIO_BH_DELETED` after `delete()`
   */
  scheduleIdle(): void {
    this.#open().scheduleIdle(this)
  }

  /**
   * Undoes a `schedule()` whose callback has not run (rule B5). One that another thread had scheduled, and schedules again,
   * keeps the turn that it had.
   */
  cancel(): void {
    this.#list?.cancel(this)
  }

  /** Cancels and forgets it, for good. May be called from its own callback, before it ever ran, and twice. */
  delete(): void {
    this.#list?.forget(this)
    this.#list = null
  }

  [Symbol.dispose](): void {
    this.delete()
  }

  /** @internal */
  run(): void {
    const { callback } = this
    if (this.guard === null) callback()
    else this.guard.run(callback, this.name)
  }

  #open(): BottomHalfList {
    if (this.#list === null)
      throw aioError('ERR_AIO_BH_DELETED', `Bottom half "${this.name}" was deleted: create a new one.`)
    return this.#list
  }
}
