import { defineTask, type Task } from '@aiokit/task'
import { hasIoUring } from '@aiokit/testing'
import { afterEach, expect } from 'vitest'
import { IOThread, type ThreadOptions } from '../src/index.ts'

export type Monitor = 'poll' | 'epoll' | 'io_uring'
export const MONITORS: readonly Monitor[] = hasIoUring() ? ['poll', 'epoll', 'io_uring'] : ['poll', 'epoll']

export const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url)

/** A task of fixtures/tasks.mjs. */
export function task<A = unknown, R = unknown>(name?: string): Task<A, R> {
  return defineTask<A, R>(fixture('tasks.mjs'), name)
}

const threads = new Set<IOThread>()
afterEach(async () => {
  for (const thread of threads) await thread.terminate().catch(() => {})
  threads.clear()
})

/** A thread that is ended after the test, if it has not ended before. */
export function start(
  monitor: Monitor = 'epoll',
  options: ThreadOptions = {},
  maker = 'newContext',
): IOThread {
  const context = defineTask<{ monitor: Monitor }, unknown>(fixture('context.mjs'), maker)
  const thread = new IOThread({ ...options, context, contextOptions: { monitor } })
  threads.add(thread)
  return thread
}

export const words = (count = 4): Int32Array => new Int32Array(new SharedArrayBuffer(4 * count))

/** Until a word of shared memory is at least `value`; Node's loop turns meanwhile. */
export async function reached(memory: Int32Array, index: number, value: number): Promise<void> {
  while (Atomics.load(memory, index) < value) await new Promise(setImmediate)
}

export const code = (expected: string): unknown => expect.objectContaining({ code: expected })
