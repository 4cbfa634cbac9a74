/** So often is something looked at before one sleeps: some 15 us. To be woken takes longer than that. */
const MOST = 2000
/** So often even if it has been in vain lately: about 1 us, in which a thread that runs takes a request and answers it. */
const LEAST = 128

/** Looks for something for a while, longer if it was found lately. Where processors are short it has not run, and it is not. */
export class Spin {
  #looks: number = MOST

  /** Returns whether `found` gave true. */
  until(found: () => boolean): boolean {
    for (let look = 0; look < this.#looks; look++) {
      if (!found()) continue
      this.#looks = Math.min(MOST, this.#looks * 2)
      return true
    }
    this.#looks = Math.max(LEAST, this.#looks >> 1)
    return false
  }
}
