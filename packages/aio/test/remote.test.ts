import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { EventNotifier } from '@aiokit/notifier'
import { defineTask } from '@aiokit/task'
import { openDescriptors } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { type AioContext, type BottomHalfHandle, RemoteContext } from '../src/index.ts'
import { monitors, newContext } from './monitors.ts'

const tasks = new URL('./fixtures/remote-tasks.mjs', import.meta.url)

/** Another thread that does something to the context. */
function elsewhere(
  ctx: AioContext,
  what: string,
  gate: Int32Array,
  bottomHalf?: BottomHalfHandle,
): Promise<unknown> {
  const workerData = { handle: ctx.handle, bottomHalf, what, gate }
  const worker = new Worker(new URL('./fixtures/remote.mjs', import.meta.url), { workerData })
  return once(worker, 'exit')
}

describe.each(monitors)('%s', (_name, make) => {
  const shared = (): Int32Array => new Int32Array(new SharedArrayBuffer(64))

  test('B1, N1: a bottom half scheduled by another thread ends a sleep and runs once', async () => {
    using ctx = newContext(make)
    let runs = 0
    const bh = ctx.createBottomHalf(() => runs++, { shared: true })
    const ended = elsewhere(ctx, 'schedule', shared(), bh.handle)
    // It is scheduled 10 times: a poll may come between any two.
    while (runs === 0) ctx.poll(true)
    await ended
    expect(runs).toBeLessThanOrEqual(10)
    const before = runs
    while (ctx.poll(false));
    expect(runs - before).toBeLessThanOrEqual(1)
    bh.delete()
  })

  test('N6: a notification of another thread ends a sleep and is no progress', async () => {
    using ctx = newContext(make)
    const ended = elsewhere(ctx, 'notify', shared())
    expect(ctx.poll(true)).toBe(false)
    await ended
  })

  test('B7: tasks of another thread run here, in order, with what they were given, shared memory included', async () => {
    using ctx = newContext(make)
    const list = shared()
    const ended = elsewhere(ctx, 'oneshot', list)
    ctx.waitWhile(() => list[0]! < 3)
    expect([...list.subarray(0, 4)]).toEqual([3, 1, 2, 3])
    await ended
  })

  test('B7: tasks that arrive while Node has its turn run in the next poll, in order', async () => {
    using ctx = newContext(make)
    using remote = RemoteContext.from(ctx.handle)
    const list = shared()
    const append = defineTask<{ to: Int32Array; value: number }, void>(tasks, 'append')
    for (let value = 1; value <= 3; value++) {
      remote.scheduleOneshot(append, { to: list, value })
      if (value === 2) for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
    }
    ctx.waitWhile(() => list[0]! < 3)
    expect([...list.subarray(0, 4)]).toEqual([3, 1, 2, 3])
  })

  test('B7, X1: a task that fails leaves poll(), and those behind it run', async () => {
    using ctx = newContext(make)
    using remote = RemoteContext.from(ctx.handle)
    const list = shared()
    const append = defineTask<{ to: Int32Array; value: number }, void>(tasks, 'append')
    expect(remote.scheduleOneshot(append, { to: list, value: 7 })).toBe(true)
    remote.scheduleOneshot(defineTask<string, never>(tasks, 'fail'), 'on purpose')
    remote.scheduleOneshot(append, { to: list, value: 8 })
    expect(() => ctx.waitWhile(() => list[0]! < 2)).toThrow('on purpose')
    ctx.waitWhile(() => list[0]! < 2)
    expect([...list.subarray(0, 3)]).toEqual([2, 7, 8])
    remote.scheduleOneshot(defineTask(tasks, 'missing'), undefined)
    expect(() => ctx.waitWhile(() => true)).toThrow(expect.objectContaining({ code: 'ERR_AIO_NO_TASK' }))
  })

  test('B7: more tasks than a poll takes at once all run', () => {
    using ctx = newContext(make)
    using remote = RemoteContext.from(ctx.handle)
    const counter = new Int32Array(new SharedArrayBuffer(4 * 2002))
    for (let value = 1; value <= 2000; value++) {
      remote.scheduleOneshot(defineTask(tasks, 'append'), { to: counter, value })
    }
    ctx.waitWhile(() => counter[0]! < 2000)
    expect([...counter.subarray(1, 2001)]).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1))
  })
})

const [, make] = monitors[1]!

test('X3: after the context is closed nothing is scheduled, and no new side can be made', () => {
  const ctx = newContext(make)
  const bh = ctx.createBottomHalf(() => {}, { shared: true })
  const { handle } = ctx
  using remote = RemoteContext.from(handle)
  const remoteBh = remote.bottomHalf(bh.handle)
  bh.delete()
  ctx.close()
  remote.notify()
  expect(remoteBh.schedule()).toBe(false)
  expect(remote.scheduleOneshot(defineTask(tasks), 1)).toBe(false)
  expect(() => RemoteContext.from(handle)).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  expect(() => ctx.handle).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
})

test('X3: wrong handles, tasks and arguments are refused with a code, and a closed side says so', () => {
  using ctx = newContext(make)
  using other = newContext(make)
  const { handle } = ctx
  const wrong: unknown[] = [
    null,
    {},
    { ...handle, name: 5 },
    { ...handle, gate: null },
    { ...handle, states: new Int32Array(4) },
    { ...handle, tasks: { channel: 5 } },
    { ...handle, tasks: { ...handle.tasks, arrived: {} } },
  ]
  for (const value of wrong) {
    expect(() => RemoteContext.from(value as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
  const remote = RemoteContext.from(handle)
  const foreign = other.createBottomHalf(() => {}, { shared: true })
  expect(() => remote.bottomHalf(foreign.handle)).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_WRONG_CONTEXT' }),
  )
  expect(() => remote.scheduleOneshot((() => {}) as never, 0)).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
  )
  expect(() => remote.scheduleOneshot(defineTask(tasks), () => {})).toThrow(
    expect.objectContaining({ name: 'DataCloneError' }),
  )
  foreign.delete()
  remote.close()
  remote.close()
  for (const use of [
    () => remote.notify(),
    () => remote.bottomHalf({} as never),
    () => remote.scheduleOneshot(defineTask(tasks), 0),
  ]) {
    expect(use).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  }
})

test('X4: a thread that is terminated while it sleeps can be notified, and nobody else is written to', async () => {
  const started = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('./fixtures/context-worker.mjs', import.meta.url), {
    workerData: { monitor: 'epoll', work: 'sleep and say', started },
  })
  const [handle] = await once(worker, 'message')
  const before = openDescriptors()
  const remote = RemoteContext.from(handle)
  Atomics.wait(started, 0, 0)
  await worker.terminate()
  // Whatever number the context had, some of these have it now.
  const innocents = Array.from({ length: 20 }, () => new EventNotifier())
  remote.notify()
  expect(innocents.some((one) => one.testAndClear())).toBe(false)
  for (const one of innocents) one.close()
  expect(() => RemoteContext.from(handle)).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  remote.close()
  expect(openDescriptors()).toBeLessThan(before)
})

test('X6: sides that are made and closed, and made and forgotten, leave no descriptors', async () => {
  using ctx = newContext(make)
  const { handle } = ctx
  const before = openDescriptors()
  for (let i = 0; i < 1000; i++) RemoteContext.from(handle).close()
  expect(openDescriptors()).toBe(before)
  for (let i = 0; i < 50; i++) RemoteContext.from(handle)
  while (openDescriptors() > before) {
    globalThis.gc!()
    await new Promise(setImmediate)
  }
})
