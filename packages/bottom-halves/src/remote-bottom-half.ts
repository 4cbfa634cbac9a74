import { aioError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import { NotifyGate } from '@aiokit/notifier'
import { MAX_SHARED, SharedStates } from './shared-states.ts'

/** What another thread needs to schedule a shared bottom half: structured-cloneable. */
export interface BottomHalfHandle {
  readonly loop: number
  readonly id: number
  readonly generation: number
}

/** A bottom half of a loop in another thread. */
export class RemoteBottomHalf {
  readonly #gate: NotifyGate
  readonly #states: SharedStates
  readonly #id: number
  readonly #generation: number

  /**
   * @param gate of the loop
   * @param states of the loop
   * @throws `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_WRONG_CONTEXT` if `handle` is that of another loop's bottom half
   */
  constructor(gate: NotifyGate, states: SharedStates, handle: BottomHalfHandle) {
    if (!(gate instanceof NotifyGate) || !(states instanceof SharedStates)) {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        '"gate" and "states" must be a NotifyGate and the SharedStates of the same loop.',
      )
    }
    const { loop, id, generation } = requireHandle(handle)
    if (loop !== states.loop) {
      throw aioError(
        'ERR_AIO_WRONG_CONTEXT',
        'This bottom half belongs to another loop: use the handles of a loop and of its bottom halves together.',
      )
    }
    this.#gate = gate
    this.#states = states
    this.#id = id
    this.#generation = generation
  }

  /**
   * The callback will run once in the loop's thread; scheduling again before it ran changes nothing. What this thread
   * wrote before, also to shared memory without Atomics, the callback sees (rule B1). A system call is made only if
   * the loop sleeps.
   *
   * Returns false, and nothing will run, if the bottom half was deleted or its loop closed.
   *
   * @throws `ERR_AIO_CLOSED` if this side's gate is closed
   *
   * A thread that is terminated by force while it is inside this call can leave the bottom half so that others
   * schedule it in vain; give each thread that may be terminated one of its own.
   */
  schedule(): boolean {
    // Before it is scheduled: it could not be announced.
    if (this.#gate.fd < 0)
      throw aioError('ERR_AIO_CLOSED', 'This side is closed: make another of the handle.')
    if (!this.#states.schedule(this.#id, this.#generation)) return false
    this.#gate.notify()
    return true
  }
}

function requireHandle(handle: BottomHalfHandle): BottomHalfHandle {
  if (typeof handle !== 'object' || handle === null || typeof handle.loop !== 'number') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"handle" must be the \`handle\` of a shared bottom half. Received ${describe(handle)}.`,
    )
  }
  requireInteger(handle.id, 'handle.id', 0, MAX_SHARED - 1)
  requireInteger(handle.generation, 'handle.generation', 0, 2 ** 30 - 1)
  return handle
}
