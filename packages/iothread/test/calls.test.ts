import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { defineTask } from '../src/index.ts'
import { code, fixture, MONITORS, reached, start, task, words } from './harness.ts'

describe.each(MONITORS)('on %s', (monitor) => {
  test('W1: a call runs in the thread, from a poll of its context, asleep or not', async () => {
    const thread = start(monitor)
    await thread.ready
    for (let i = 0; i < 100; i++) {
      expect(await thread.call(task('where'), undefined)).toEqual({
        isMainThread: false,
        threadId: expect.any(Number),
        context: `on ${monitor}`,
        fdmonName: monitor,
        depth: 1,
      })
    }
  })

  test('P1: the thread polls before it sleeps, unless it is told not to', async () => {
    const polled = task<undefined, number>('polled')
    // How many calls there is a wait for depends on what else the machine does: until it has polled.
    for (const poll of [undefined, { maxNs: 1e6 }]) {
      const thread = start(monitor, poll && { poll })
      while ((await thread.call(polled, undefined)) === 0) await thread.call(task('where'), undefined)
    }
    const thread = start(monitor, { poll: { maxNs: 0 } })
    for (let i = 0; i < 100; i++) await thread.call(task('where'), undefined)
    expect(await thread.call(polled, undefined)).toBe(0)
    expect(() => start(monitor, { poll: { maxNs: -1 } })).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  })

  test('W1: errors come back with kind, stack, code and cause, and the thread goes on', async () => {
    const thread = start(monitor)
    const error = (await thread.call(task('fail'), 'on purpose').catch((e) => e)) as NodeJS.ErrnoException
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ code: 'ERR_FIXTURE', message: 'on purpose', cause: { message: 'inner' } })
    expect(error.stack).toContain('tasks.mjs')
    await expect(thread.call(task('laterFail'), 'later')).rejects.toThrow('later')
    await expect(thread.call(task('failCo'), 'in a coroutine')).rejects.toThrow('in a coroutine')
    await expect(thread.call(task('throwValue'), 5)).rejects.toBe(5)
    for (const which of ['trap', 'thenable', 'promise']) {
      await expect(thread.call(task('giveOdd'), which)).rejects.toThrow('not to be looked at')
    }
    await expect(thread.call(task('throwOdd'), 0)).rejects.toEqual({ looks: 1 })
    await expect(thread.call(task('missing'), 0)).rejects.toThrow(code('ERR_AIO_NO_TASK'))
    await expect(thread.call(defineTask('/no/such/module.mjs'), 0)).rejects.toThrow(
      code('ERR_AIO_TASK_MODULE'),
    )
    await expect(thread.call(defineTask(fixture('broken-module.mjs')), 0)).rejects.toMatchObject({
      code: 'ERR_AIO_TASK_MODULE',
      cause: { code: 'ERR_FIXTURE' },
    })
    await expect(thread.call(task('notCloneable'), 0)).rejects.toMatchObject({ name: 'DataCloneError' })
    expect(await thread.call(task(), 'alive')).toBe('alive')
  })

  test('W1: a call may give a coroutine, which lives on the context', async () => {
    const thread = start(monitor)
    const names = await Promise.all(
      Array.from({ length: 20 }, (_, i) => thread.call(task('sleepCo'), 1e6 + i)),
    )
    expect(new Set(names)).toEqual(new Set([`on ${monitor}`]))
    expect(await thread.call(task('awaitCo'), 7)).toBe(7)
    expect(await thread.call(defineTask('data:text/javascript,export default (x) => x + 1'), 7)).toBe(8)
  })

  test('W1: promises, ticks, immediates, timers and sockets of Node work in the thread', async () => {
    const thread = start(monitor)
    const wandering = Array.from({ length: 10 }, (_, i) => thread.call(task('wander'), i))
    expect(await Promise.all(wandering)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await thread.call(task('http'), 'from the thread')).toBe('from the thread')
  })

  test('A5: a call that waits in a nested poll is ended by one that was made with it', async () => {
    const thread = start(monitor)
    await thread.ready
    const depths = await Promise.all([
      thread.call(task('waitForFlag'), undefined),
      thread.call(task('setFlag'), undefined),
    ])
    expect(depths).toEqual([1, 2])
  })
})

test('W3: calls begin in the order in which they were made, those before the thread was ready first', async () => {
  const thread = start()
  const memory = words(302)
  const calls: Promise<unknown>[] = []
  const slowNote = defineTask<unknown, unknown>(fixture('slow-module.mjs'), 'note')
  const note = (value: number): void => {
    // Modules of which one takes its time to be loaded, while calls of the other wait.
    const what = value % 10 === 5 ? slowNote : task<unknown, unknown>('note')
    calls.push(thread.call(what, { words: memory, value }))
  }
  for (let i = 0; i < 100; i++) note(i)
  await thread.ready
  for (let i = 100; i < 300; i++) note(i)
  await Promise.all(calls)
  expect([...memory.subarray(0, 301)]).toEqual([300, ...Array.from({ length: 300 }, (_, i) => i)])
})

test('W8: buffers move there and back, shared memory is shared', async () => {
  const thread = start()
  const buffer = new ArrayBuffer(1000)
  expect(await thread.call(task('isBuffer'), buffer, { transfer: [buffer] })).toBe(1000)
  expect(buffer.byteLength).toBe(0)
  const moved = new ArrayBuffer(500)
  const back = await thread.call<ArrayBuffer, ArrayBuffer>(task('moveBack'), moved, { transfer: [moved] })
  expect(back.byteLength).toBe(500)
})

test('W4: a signal ends the wait; what has not begun never begins, and a coroutine is cancelled', async () => {
  const thread = start()
  const memory = words()
  const holding = thread.call(task('hold'), { words: memory, value: 'held' })
  await reached(memory, 0, 1)
  const controller = new AbortController()
  const notes = words()
  const aborted = thread.call(task('note'), { words: notes, value: 1 }, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  Atomics.store(memory, 1, 1)
  Atomics.notify(memory, 1)
  expect(await holding).toBe('held')
  expect(notes[0]).toBe(0)

  const second = new AbortController()
  const cancelled = words()
  const running = thread.call(task('cancelledCo'), cancelled, { signal: second.signal })
  await reached(cancelled, 0, 1)
  second.abort()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  await reached(cancelled, 1, 1)
  await expect(thread.call(task(), 1, { signal: second.signal })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(await thread.call(task(), 'alive')).toBe('alive')
})

test('W4: a signal has one listener however many calls it is given to, and none when they have ended', async () => {
  const thread = start()
  const { signal } = new AbortController()
  const calls = Array.from({ length: 1000 }, (_, i) => thread.call(task(), i, { signal }))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  await Promise.all(calls)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)

  const controller = new AbortController()
  const options = { signal: controller.signal }
  const all = Array.from({ length: 1000 }, () => thread.call(task('never'), undefined, options))
  // Who waits must not be told null.
  controller.abort(null)
  for (const one of await Promise.allSettled([...all, thread.call(task(), 1, options)])) {
    expect(one).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
  }
})

test('W1: a module whose URL has a query is another one, as for import()', async () => {
  const thread = start()
  const count = (name: string): Promise<unknown> =>
    thread.call(defineTask<undefined, number>(fixture(name), 'countCalls'), undefined)
  const names = ['tasks.mjs', 'tasks.mjs?one', 'tasks.mjs?two', 'tasks.mjs?one', 'tasks.mjs']
  const counts: unknown[] = []
  for (const name of names) counts.push(await count(name))
  expect(counts).toEqual([1, 1, 1, 2, 2])
})

test('X3: misuse is refused with a code, and nothing is sent', async () => {
  const thread = start()
  const wrong = 'ERR_AIO_INVALID_ARG_TYPE'
  await expect(thread.call((() => {}) as never, 0)).rejects.toThrow(code(wrong))
  await expect(thread.call(task(), 0, null as never)).rejects.toThrow(code(wrong))
  await expect(thread.call(task(), 0, { transfer: 5 as never })).rejects.toThrow(code(wrong))
  await expect(thread.call(task(), 0, { signal: {} as never })).rejects.toThrow(code(wrong))
  await expect(thread.call(task(), () => {})).rejects.toMatchObject({ name: 'DataCloneError' })
  expect(await thread.call(task(), 'alive')).toBe('alive')
})

test('a module is loaded before the thread is ready, with its context current and its loop running', async () => {
  const thread = start('epoll', { module: fixture('module.mjs') }, 'laterContext')
  const early = thread.call(defineTask(fixture('module.mjs'), 'read'), undefined)
  expect(await early).toEqual({ context: 'on epoll', slept: 'slept' })
})
