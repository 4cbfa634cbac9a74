/** First in, first out, each in constant time; what has left is held no longer. */
export class Fifo<T> {
  /** The next one is the last of it. */
  #leaving: T[] = []
  #arriving: T[] = []

  get length(): number {
    return this.#leaving.length + this.#arriving.length
  }

  push(item: T): void {
    this.#arriving.push(item)
  }

  shift(): T | undefined {
    if (this.#leaving.length === 0) {
      const empty = this.#leaving
      this.#leaving = this.#arriving.reverse()
      this.#arriving = empty
    }
    return this.#leaving.pop()
  }
}
