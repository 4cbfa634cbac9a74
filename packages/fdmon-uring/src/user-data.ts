import { IO_URING_GIVES_DESCRIPTOR } from '@aiokit/sys'

// What a completion carries, in two words: where its handler or request is, and a tag that tells it from others that
// were in the same place before. Tags of polls are even, those of requests odd; 0 is for what nobody waits for.
export const NOBODY = 0
export const IS_REQUEST = 1
export const GIVES_DESCRIPTOR: number = IO_URING_GIVES_DESCRIPTOR
const TAG_STEP = 4

/** In the place, beside the tag of a request: this is how cancelling it went. */
export const IS_CANCEL: number = 1 << 31

/** Tags of one kind, in turn. */
export class Tags {
  #last = NOBODY

  next(): number {
    this.#last = (this.#last + TAG_STEP) | 0
    if (this.#last === NOBODY) this.#last = TAG_STEP
    return this.#last
  }
}
