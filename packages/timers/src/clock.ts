import { threadId } from 'node:worker_threads'
import {
  aioError,
  aioTypeError,
  describe,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireObject,
  requireString,
} from '@aiokit/errors'
import { ClockState } from './clock-state.ts'
import { waitForPasses } from './running-passes.ts'
import { type NamedSource, sources } from './sources.ts'

export interface ClockOptions {
  /** For people: what the clock is called in messages. */
  name: string
  /** Where the time comes from; a function returns ns, never fewer than 0, and in every thread the same. */
  source: NamedSource | (() => number)
  /** Whether time stands still while the clock is disabled, and goes on from there. Default false. */
  pausable?: boolean
}

/** What another thread needs to have the same clock: structured-cloneable. */
export interface ClockHandle {
  readonly name: string
  /** null: a function, which cannot be sent. */
  readonly source: NamedSource | null
  readonly pausable: boolean
  readonly state: SharedArrayBuffer
}

/**
 * A time that timers wait for. Disabling a clock stops its timers, in all threads that have it; the time itself stands
 * still only if the clock is pausable, as `virtual` is.
 */
export class Clock {
  readonly name: string
  /** Whether its time goes on by itself. False for a `ManualClock`: no sleep is long enough to reach a deadline. */
  readonly flows: boolean
  /** For `TimerList`. */
  readonly state: ClockState
  readonly #source: NamedSource | null
  readonly #pausable: boolean
  readonly #read: () => number

  /**
   * A new clock, enabled. Other threads get it through `handle`, which is where `shared` comes from.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`
   */
  constructor(options: ClockOptions, shared?: SharedArrayBuffer) {
    const { name, source, pausable = false } = requireObject(options, 'options')
    this.name = requireString(name, 'options.name')
    this.#source = typeof source === 'string' && Object.hasOwn(sources, source) ? source : null
    this.#read =
      this.#source === null
        ? requireFunction(source as () => number, 'options.source')
        : sources[this.#source]
    this.#pausable = requireBoolean(pausable, 'options.pausable')
    this.flows = this.#source !== 'manual'
    if (shared !== undefined && !ClockState.accepts(shared)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        `"shared" must be the \`state\` of a clock's handle. Received ${describe(shared)}.`,
      )
    }
    this.state = new ClockState(shared)
  }

  /**
   * The clock of another thread, from its `handle`. A clock with a source of its own needs the same source again.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`
   */
  static from(handle: ClockHandle, source?: () => number): Clock {
    const { name, state, pausable } = requireHandle(handle)
    return new Clock({ name, source: handle.source ?? requireFunction(source!, 'source'), pausable }, state)
  }

  /** Send this to another thread and make a `Clock.from(handle)` of it there. */
  get handle(): ClockHandle {
    return { name: this.name, source: this.#source, pausable: this.#pausable, state: this.state.buffer }
  }

  /** The time in ns. Any thread that has the clock sees the same. */
  now(): number {
    return this.#pausable ? this.state.now(this.#read) : this.#read()
  }

  get enabled(): boolean {
    return this.state.enabled
  }

  /**
   * Stops or starts the clock's timers, and the clock itself if it is pausable, in all threads.
   *
   * Stopping returns when no callback of the clock is running in another thread, or another thread has started the clock
   * again meanwhile. It may be called from a callback of the same clock, which is then the last one; and from callbacks
   * of two threads that stop each other's clock: a callback that waits in here does not count as running. It must not be
   * called while holding what such a callback is waiting for.
   *
   * Starting wakes every loop that sleeps because its timers stood still.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`
   */
  setEnabled(on: boolean): void {
    if (requireBoolean(on, 'on')) this.state.enable(this.#read)
    else {
      this.state.disable(this.#read)
      waitForPasses(this.state)
    }
  }

  /**
   * Clears up after a thread that has ended without closing its timer lists, as one does that is terminated: a callback
   * that was cut off in it will never end, and stopping the clock would wait for it for ever. Call it with the id that
   * the worker had (`worker.threadId` is -1 afterwards) once its `exit` event was emitted or `terminate()` resolved.
   *
   * @throws TypeError `ERR_AIO_INVALID_ARG_TYPE`, RangeError `ERR_AIO_OUT_OF_RANGE`
   * @throws Error `ERR_AIO_WRONG_THREAD` for the calling thread
   */
  forgetThread(id: number): void {
    if (requireInteger(id, 'id', 0, 0x7fff_fffe) === threadId) {
      throw aioError(
        'ERR_AIO_WRONG_THREAD',
        'A thread cannot forget itself. Close its timer lists, or call this from another thread once it has ended.',
      )
    }
    this.state.forgetThread(id)
  }
}

/** Returns `handle` if it is the handle of a clock, one with the given source if that is given. */
export function requireHandle(handle: ClockHandle, source?: NamedSource): ClockHandle {
  if (
    typeof handle !== 'object' ||
    handle === null ||
    !ClockState.accepts(handle.state) ||
    (source !== undefined && handle.source !== source)
  ) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"handle" must be what the \`handle\` of ${source === 'manual' ? 'a ManualClock' : 'a Clock'} gave. Received ${describe(handle)}.`,
    )
  }
  return handle
}
