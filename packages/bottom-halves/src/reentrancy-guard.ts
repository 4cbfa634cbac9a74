import { requireBoolean, requireFunction, requireString } from '@aiokit/errors'
import { reentrantAio } from '@aiokit/trace'

/**
 * Shared by the bottom halves of one device or object that must not be entered while it is being entered already.
 * Entering it again is not prevented, it is reported: on the diagnostics channel `aiokit:reentrant_aio`, with the
 * name of the bottom half (rule B8).
 */
export class ReentrancyGuard {
  #engaged = false

  /**
   * True while a bottom half with this guard is running. A device may set it around its own entry points.
   *
   * @throws `ERR_AIO_INVALID_ARG_TYPE` for what is neither true nor false
   */
  get engaged(): boolean {
    return this.#engaged
  }

  set engaged(on: boolean) {
    this.#engaged = requireBoolean(on, 'engaged')
  }

  /**
   * Runs `callback` inside the guard.
   *
   * @param name who enters, for the report
   * @throws `ERR_AIO_INVALID_ARG_TYPE`; what `callback` throws, and the guard is as it was before
   */
  run(callback: () => void, name: string): void {
    requireFunction(callback, 'callback')
    requireString(name, 'name')
    const outer = this.#engaged
    if (outer && reentrantAio.hasSubscribers) reentrantAio.publish({ name, guard: this })
    this.#engaged = true
    try {
      callback()
    } finally {
      this.#engaged = outer
    }
  }
}
