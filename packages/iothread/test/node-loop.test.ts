import { defineTask } from '@aiokit/task'
import { describe, expect, test } from 'vitest'
import { fixture, MONITORS, start, task } from './harness.ts'

describe.each(MONITORS)('a thread that sleeps on %s', (monitor) => {
  test.each([
    'zlib, on its threads',
    'crypto, on its threads',
    'the compiler of WebAssembly',
    'Atomics.waitAsync',
    'a worker that ends',
    'a timer that keeps nothing alive',
    'a signal that times out',
  ])('A4: is woken by what Node does by itself: %s', async (what) => {
    const thread = start(monitor)
    for (let i = 0; i < 5; i++) expect(await thread.call(task('waitFor'), what)).toBe(what)
  })

  test('A4: is woken by the answers of a thread that it has started', async () => {
    const thread = start(monitor)
    const context = defineTask(fixture('context.mjs'), 'newContext')
    const inside = { context, contextOptions: { monitor }, task: task() }
    expect(await thread.call(task('callInside'), inside)).toEqual([1, 2])
  })
})
