import { channel } from 'node:diagnostics_channel'

const reentrantAio = channel('aiokit:reentrant_aio')

/**
 * Shared by the bottom halves of one device or object that must not be entered while it is being entered already.
 * Entering it again is not prevented, it is reported: on the diagnostics channel `aiokit:reentrant_aio`, with the
 * name of the bottom half (rule B8).
 */
export class ReentrancyGuard {
  #engaged = false

  /** True while a bottom half with this guard is running. A device may set it around its own entry points. */
  get engaged(): boolean {
    return this.#engaged
  }

  set engaged(on: boolean) {
    this.#engaged = on
  }

  /**
   * Runs `callback` inside the guard.
   *
   * @throws what `callback` throws; the guard is as it was before
   */
  run(callback: () => void, name: string): void {
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
