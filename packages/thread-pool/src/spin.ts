/** So often is something looked at before one sleeps: 10 to 20 us. To be woken takes longer than that. */
const MOST = 2000

/**
 * Looks for something for a while, longer if it was found lately. Where processors are short, those who are to bring it do not
 * run while one looks for it.
 */
export class Spin {
  readonly #least: number
  #looks: number = MOST

  /** @param least looks, however often they have been in vain */
  constructor(least: number) {
    this.#least = least
  }

  /** Returns whether `found` gave true. */
  until(found: () => boolean): boolean {
    for (let look = 0; look < this.#looks; look++) {
      if (!found()) continue
      this.#looks = Math.min(MOST, this.#looks * 2)
      return true
    }
    this.#looks = Math.max(this.#least, this.#looks >> 1)
    return false
  }
}
