/** Numbers that look random and are the same in every run: xorshift32. */
export class Random {
  #state: number

  /** @param seed any integer but 0 */
  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** An integer from 0 to `limit` - 1; `limit` at most 2**31. */
  below(limit: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return Math.floor(((x >>> 0) / 0x1_0000_0000) * limit)
  }
}
