import { defineTask, IOThread } from 'aiokit'
import { type LoopStats, sumOf } from './loop-stats.ts'
import type * as loopThread from './loop-thread.ts'
import type { LoopInfo, Loops, LoopsOptions } from './loops.ts'

const module = new URL('./loop-thread.js', import.meta.url)
const open = defineTask<typeof loopThread.open>(module, 'open')
const add = defineTask<typeof loopThread.add>(module, 'add')
const stats = defineTask<typeof loopThread.stats>(module, 'stats')

/**
 * I/O threads that clients are spread over: a new one goes to the thread that has the fewest. Descriptors are numbers of
 * the whole process, so that is all that changes hands. The threads share the file of the image, so what one has written
 * another one flushes.
 */
export class ThreadLoops implements Loops {
  readonly info: LoopInfo
  readonly #threads: readonly IOThread[]
  /** Clients of each; see `OpenOptions`. */
  readonly #counts: Int32Array
  #failure: Error | null = null

  private constructor(threads: readonly IOThread[], counts: Int32Array, info: LoopInfo) {
    this.#threads = threads
    this.#counts = counts
    this.info = info
    for (const thread of threads) thread.ended.catch((error) => this.#failed(error))
  }

  /** @throws (rejects with) what one of them cannot begin for; then there are none */
  static async start(count: number, options: LoopsOptions): Promise<ThreadLoops> {
    const { fdmon, aio, poll } = options
    const counts = new Int32Array(new SharedArrayBuffer(4 * count))
    const threads: IOThread[] = []
    try {
      for (let number = 0; number < count; number++) {
        threads.push(new IOThread({ name: `nbd ${number}`, fdmon, io: { aio }, poll, measure: true }))
      }
      const infos = await Promise.all(
        threads.map((thread, number) => thread.call(open, { ...options, counts, number })),
      )
      return new ThreadLoops(threads, counts, infos[0]!)
    } catch (error) {
      await Promise.allSettled(threads.map((thread) => thread.stop()))
      throw error
    }
  }

  get failure(): Error | null {
    return this.#failure
  }

  add(fd: number): void {
    const counts = this.#counts
    let least = 0
    for (let number = 1; number < counts.length; number++) {
      if (Atomics.load(counts, number) < Atomics.load(counts, least)) least = number
    }
    Atomics.add(counts, least, 1)
    // If the thread dies the server does, and the descriptor with it.
    this.#threads[least]!.call(add, fd).catch((error) => this.#failed(error))
  }

  async stats(): Promise<LoopStats> {
    return sumOf(await Promise.all(this.#threads.map((thread) => thread.call(stats, undefined))))
  }

  async close(): Promise<void> {
    const ends = await Promise.allSettled(this.#threads.map((thread) => thread.stop()))
    for (const end of ends) if (end.status === 'rejected') this.#failed(end.reason)
  }

  #failed(error: Error): void {
    this.#failure ??= error
  }
}
