import { aioError } from '@aiokit/errors'
import type { BottomHalf } from './bottom-half.ts'
import { MAX_SHARED, SharedStates } from './shared-states.ts'

const RETIRED = 'retired'

/** The loop's side of the bottom halves that it shares: which one has which place. */
export class SharedSlots {
  readonly states: SharedStates = new SharedStates()
  /** By place; null where there is none, RETIRED where there was one that is still on the list. */
  readonly #owners: (BottomHalf | typeof RETIRED | null)[] = []
  readonly #free: number[] = []

  /**
   * Gives a bottom half a place.
   *
   * @throws `ERR_AIO_TOO_MANY_SHARED` if there is none left
   */
  add(bh: BottomHalf): number {
    const id = this.#free.pop() ?? this.#owners.length
    if (id === MAX_SHARED) {
      throw aioError(
        'ERR_AIO_TOO_MANY_SHARED',
        `A loop can share ${MAX_SHARED} bottom halves: delete() those that are done with, or share one for many things.`,
      )
    }
    this.#owners[id] = bh
    return id
  }

  remove(id: number): void {
    if (this.states.retire(id)) this.#release(id)
    else this.#owners[id] = RETIRED
  }

  /** Calls `schedule` with each that other threads have scheduled since, in that order. */
  takeAll(schedule: (bh: BottomHalf) => void): void {
    const { states } = this
    for (const id of states.take()) {
      const scheduled = states.accept(id)
      const bh = this.#owners[id]
      if (bh === RETIRED) this.#release(id)
      // Nothing is where a handle points that somebody made up.
      else if (scheduled && bh != null) schedule(bh)
    }
  }

  #release(id: number): void {
    this.#owners[id] = null
    this.#free.push(id)
  }
}
