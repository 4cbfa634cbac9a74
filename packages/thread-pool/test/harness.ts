import { AioContext } from '@aiokit/aio'
import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { defineTask, type Task } from '@aiokit/task'
import { everywhere, hasIoUring, hostAs } from '@aiokit/testing'
import { afterEach } from 'vitest'
import { type Done, ThreadPool, type ThreadPoolOptions } from '../src/index.ts'

const all: [name: string, make: () => FdMonitorFactory][] = [
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
  ['io_uring', () => uringMonitor()],
]

/** Every monitor: completions come through the context, whatever it waits with, and whoever runs it. */
export const monitors: typeof all = everywhere(
  hasIoUring() ? all : all.filter(([name]) => name !== 'io_uring'),
)

/** A task of fixtures/tasks.mjs. */
export function task<A = unknown, R = unknown>(name?: string): Task<A, R> {
  return defineTask<A, R>(new URL('./fixtures/tasks.mjs', import.meta.url), name)
}

export interface Outcome<R = unknown> {
  error: (Error & { code?: unknown }) | null
  result: R | undefined
}

const pools = new Set<ThreadPool>()

// Threads go on ending for some milliseconds, and are counted by the tests that follow.
afterEach(async () => {
  await Promise.all([...pools].map((pool) => pool[Symbol.asyncDispose]()))
  pools.clear()
})

/** A context with a pool. */
export class World implements Disposable {
  readonly ctx: AioContext
  readonly pool: ThreadPool
  readonly #holds: Hold[] = []

  constructor(options: ThreadPoolOptions = {}, make: () => FdMonitorFactory = monitors[1]![1]) {
    this.ctx = hostAs(make, new AioContext({ fdmon: make() }))
    this.pool = new ThreadPool(this.ctx, options)
    pools.add(this.pool)
  }

  /** Runs a task to its end. */
  run<A, R>(what: Task<A, R>, argument: A): Outcome<R> {
    const outcome = this.start(what, argument)
    this.ctx.waitWhile(() => outcome.length === 0)
    return outcome[0]!
  }

  /** Submits a task; what comes of it appears in the list. */
  start<A, R>(what: Task<A, R>, argument: A): Outcome<R>[] {
    const outcomes: Outcome<R>[] = []
    const done: Done<R> = (error, result) => void outcomes.push({ error, result })
    this.pool.submitAio(what, argument, done)
    return outcomes
  }

  /** What keeps threads busy until it is released, which is at the end of the test at the latest. */
  hold(): Hold {
    const hold = new Hold()
    this.#holds.push(hold)
    return hold
  }

  [Symbol.dispose](): void {
    for (const hold of this.#holds) hold.release()
    this.ctx.close()
  }
}

export const words = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * count))

class Hold {
  readonly begun: Int32Array = words(1)
  readonly gate: Int32Array = words(1)

  /** Until so many have begun. */
  await(count: number, world: World): void {
    while (Atomics.load(this.begun, 0) < count) world.ctx.poll(true, 1e6)
  }

  release(): void {
    Atomics.store(this.gate, 0, 1)
    Atomics.notify(this.gate, 0)
  }
}
