import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { Coroutine } from '@aiokit/coroutine'
import * as sys from '@aiokit/sys'
import { defineTask } from '@aiokit/task'
import { openDescriptors, pipe, readAll } from '@aiokit/testing'
import { describe, expect, test, vi } from 'vitest'
import { ThreadPool } from '../src/index.ts'
import { SLOTS } from '../src/pool-layout.ts'
import { MAX_TASKS } from '../src/task-numbers.ts'
import { monitors, type Outcome, task, World, words } from './harness.ts'

const code = (value: string): unknown => expect.objectContaining({ code: value })

describe.each(monitors)('%s', (_name, make) => {
  test('W1: results come back in a poll, whatever they are', () => {
    using world = new World({}, make)
    const values = [
      5,
      -0,
      Number.NaN,
      'text',
      '€'.repeat(1000),
      undefined,
      null,
      true,
      [1, { a: [] }],
      new Map([[1, 2]]),
    ]
    for (const value of values) {
      expect(world.run(task(), value)).toStrictEqual({ error: null, result: value })
    }
    expect(world.run(task('later'), 7)).toEqual({ error: null, result: 7 })
  })

  test('W1: a hundred at once over few threads are all answered, once', () => {
    using world = new World({ max: 2 }, make)
    const all = Array.from({ length: 100 }, (_, i) => world.start(task<number, number>('double'), i))
    world.ctx.waitWhile(() => all.some((outcomes) => outcomes.length === 0))
    expect(all).toEqual(all.map((_, i) => [{ error: null, result: 2 * i }]))
    expect(world.pool.stats().threads).toBeLessThanOrEqual(2)
  })

  test('W5: a callback may poll to wait for another request', () => {
    using world = new World({ max: 1 }, make)
    const order: string[] = []
    world.pool.submitAio(task(), 'outer', () => {
      order.push('begins')
      expect(world.run(task(), 'inner').result).toBe('inner')
      order.push('ends')
    })
    const second = world.start(task(), 'second')
    world.ctx.waitWhile(() => order.length < 2)
    expect([order, second]).toEqual([['begins', 'ends'], [{ error: null, result: 'second' }]])
  })
})

test('W1: errors come back with their kind, stack, code, cause and what else they have', () => {
  using world = new World()
  const { error } = world.run(task('fail'), 'on purpose')
  expect(error).toBeInstanceOf(RangeError)
  expect(error).toMatchObject({ message: 'on purpose', code: 'ERR_FIXTURE', extra: 5 })
  expect(error!.stack).toContain('tasks.mjs')
  expect(error!.cause).toBeInstanceOf(TypeError)
  expect(world.run(task('laterFail'), 'later').error!.message).toBe('later')
  for (const thrown of [null, undefined, 5, { a: 1 }]) {
    expect(world.run(task('throwValue'), thrown).error).toMatchObject({
      code: 'ERR_AIO_TASK_THREW',
      cause: thrown,
    })
  }
})

test.each(['name', 'symbol', 'getter', 'proxy', 'circle', 'self', 'code'])(
  'W1: an error is answered, whatever was done to it: %s',
  (which) => {
    using world = new World({ max: 1 })
    const { error } = world.run(task('throwOdd'), which)
    expect(error).toBeInstanceOf(Error)
    if (which === 'name') expect([error!.name, error!.message]).toEqual(['toString', 'odd'])
    if (which === 'code') expect(error!.code).toBe(DOMException.ABORT_ERR)
    expect(world.run(task(), 1).result).toBe(1)
    expect(world.pool.stats().threads).toBe(1)
  },
)

test('W1: a result that cannot be looked at or moved is an error, and the thread goes on', () => {
  using world = new World({ max: 1 })
  for (const which of ['getter', 'trap', 'thenable']) {
    expect(world.run(task('giveOdd'), which).error!.message).toContain('notThere')
  }
  expect(world.run(task('moveWrong'), 1).error).toMatchObject({ code: 'ERR_AIO_INVALID_ARG_TYPE' })
  expect(world.run(task(), 1).result).toBe(1)
  expect(world.run(task('never'), 1).error!.message).toContain('nothing is left to settle')
})

test('W1: what cannot be loaded or sent is an error of the request', () => {
  using world = new World()
  expect(world.run(task('missing'), 1).error).toMatchObject({ code: 'ERR_AIO_NO_TASK' })
  expect(world.run(task('notCloneable'), 1).error).toMatchObject({ name: 'DataCloneError' })
  expect(world.run(task(), 1).result).toBe(1)
})

test('W1: more tasks than are remembered are all run, also the first ones again', () => {
  using world = new World({ max: 2 })
  const double = task<number, number>('double')
  expect(world.run(double, 1).result).toBe(2)
  const others = Array.from({ length: MAX_TASKS + 10 }, (_, i) => world.start(task(`missing${i}`), i))
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(others.filter(([outcome]) => outcome!.error!.code === 'ERR_AIO_NO_TASK').length).toBe(others.length)
  for (const again of [double, task<number, number>('double')]) {
    const all = Array.from({ length: 10 }, (_, i) => world.start(again, i))
    world.ctx.waitWhile(() => world.pool.stats().pending > 0)
    expect(all.map(([outcome]) => outcome!.result)).toEqual(all.map((_, i) => 2 * i))
  }
})

test('W1: a getter of an argument is run once, and may submit another', () => {
  using world = new World({ max: 1 })
  const inner: Outcome[][] = []
  const argument = {
    get a() {
      inner.push(world.start(task(), [1, 2]))
      return 'a'
    },
    b: new Map([[1, 2]]),
  }
  expect(world.run(task(), argument).result).toEqual({ a: 'a', b: new Map([[1, 2]]) })
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(inner.flat()).toEqual([{ error: null, result: [1, 2] }])
  expect(world.run(task('countGets'), undefined).result).toEqual({ gets: 1 })
})

test('W1: a request of a new task whose argument goes by message, or moves', () => {
  using world = new World({ max: 1 })
  const map = new Map([[1, 2]])
  expect(world.run(task(), map).result).toEqual(map)
  const buffer = new ArrayBuffer(3)
  const outcomes: Outcome<ArrayBuffer>[] = []
  const done = (error: Error | null, result?: ArrayBuffer) => void outcomes.push({ error, result })
  world.pool.submitAio(task<ArrayBuffer, ArrayBuffer>('moveBack'), buffer, done, { transfer: [buffer] })
  world.ctx.waitWhile(() => outcomes.length === 0)
  expect(outcomes[0]!.result!.byteLength).toBe(3)
})

test('X6: a pool does not open what its context has for the tasks of other threads', () => {
  using world = new World({ min: 1 })
  const handle = vi.spyOn(world.ctx, 'handle', 'get')
  expect(world.run(task(), 1).result).toBe(1)
  expect(handle).not.toHaveBeenCalled()
})

test('W3: a thread begins a task that it has not run before, also while the owner does not poll', () => {
  using world = new World({ max: 1, min: 1 })
  expect(world.run(task(), 1).result).toBe(1)
  const [reader, writer] = pipe()
  const watched = new Int32Array([reader, sys.POLLIN])
  for (let i = 0; i < 300; i++) {
    // Another name each time for the same export.
    const another = defineTask<number, number>(
      new URL(`./fixtures/tasks.mjs?${i}`, import.meta.url),
      'writeTo',
    )
    const outcomes = world.start(another, writer)
    expect(sys.ppoll(watched, 1, 30e9)).toBe(1)
    expect(readAll(reader)).toBe(1)
    world.ctx.waitWhile(() => outcomes.length === 0)
    expect(outcomes[0]).toEqual({ error: null, result: 1 })
  }
  for (const fd of [reader, writer]) sys.close(fd)
})

test('W1: the argument is as it was when it was submitted, also in a long queue', () => {
  using world = new World({ max: 1 })
  const changing = { value: 0, big: 'x'.repeat(1000) }
  const small = { value: 0 }
  const outcomes: Outcome<{ value: number }>[][] = []
  for (let i = 0; i < 20_000; i++) {
    changing.value = small.value = i
    outcomes.push(world.start(task<{ value: number }, { value: number }>(), i % 100 === 0 ? changing : small))
  }
  changing.value = small.value = -1
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(outcomes.every(([outcome], i) => outcome!.result!.value === i)).toBe(true)
})

test('W2: threads are started as they are needed, up to max, and leave down to min', () => {
  using world = new World({ min: 1, max: 3, idleTimeoutMs: 20 })
  const hold = world.hold()
  world.ctx.poll(true, 1e6)
  expect(world.pool.stats().threads).toBe(1)
  const outcomes = Array.from({ length: 5 }, () => world.start(task('hold'), hold))
  hold.await(3, world)
  expect([world.pool.stats().threads, world.pool.stats().waiting]).toEqual([3, 2])
  hold.release()
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(new Set(outcomes.map(([outcome]) => outcome!.result)).size).toBe(3)
  world.ctx.waitWhile(() => world.pool.stats().threads > 1)
  expect(world.run(task(), 1).result).toBe(1)
  expect(world.pool.stats().threads).toBe(1)
})

test('W2: parameters changed under load hold for the threads that run', () => {
  using world = new World({ max: 1 })
  const hold = world.hold()
  const all = Array.from({ length: 6 }, () => world.start(task('hold'), hold))
  hold.await(1, world)
  world.pool.setParams({ max: 4 })
  hold.await(4, world)
  world.pool.setParams({ max: 1 })
  hold.release()
  world.ctx.waitWhile(() => all.some((outcomes) => outcomes.length === 0))
  world.ctx.waitWhile(() => world.pool.stats().threads > 1)
  world.pool.setParams({ min: 3, max: 3 })
  world.ctx.waitWhile(() => world.pool.stats().threads < 3)
})

test('W2: more requests than there is room for are all begun, also when the threads had run out of them', () => {
  using world = new World({ max: 1 })
  let answered = 0
  const COUNT = SLOTS + 500
  for (let i = 0; i < COUNT; i++) world.pool.submitAio(task(), i, () => void answered++)
  world.ctx.poll(false)
  // The thread comes to the end of what it knows of, and goes to sleep.
  while (world.pool.stats().waiting > 500);
  Atomics.wait(words(1), 0, 0, 50)
  world.ctx.waitWhile(() => answered < COUNT)
})

test('W2: a request is not left to a thread that is dismissed', () => {
  using world = new World({ min: 2, max: 2 })
  for (let round = 0; round < 50; round++) {
    world.pool.setParams({ min: 2, max: 2 })
    world.ctx.waitWhile(() => world.pool.stats().threads < 2)
    world.run(task(), 1)
    world.pool.setParams({ min: 1, max: 1 })
    const start = performance.now()
    expect(world.run(task(), round).result).toBe(round)
    expect(performance.now() - start).toBeLessThan(5000)
  }
})

test('W3: requests begin in the order in which they were submitted', () => {
  using world = new World({ max: 1 })
  const COUNT = 500
  const order = words(COUNT + 1)
  for (let id = 1; id <= COUNT; id++) world.start(task('note'), { order, id })
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect([...order.subarray(1)]).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1))
})

test('W3: what nobody waits for runs, and its error leaves the poll', () => {
  using world = new World()
  const counter = words(1)
  world.pool.submitImmediate(task('increment'), counter)
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(counter[0]).toBe(1)
  world.pool.submitImmediate(task('fail'), 'nobody')
  expect(() => world.ctx.waitWhile(() => true)).toThrow('nobody')
})

test('W3: submit() gives a promise', async () => {
  using world = new World()
  const promise = world.pool.submit(task<number, number>('double'), 4)
  const failed = world.pool.submit(task('fail'), 'on purpose')
  failed.catch(() => {})
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(await promise).toBe(8)
  await expect(failed).rejects.toThrow('on purpose')
})

test('W3, C1: submitCo() gives a coroutine the result, or the error', () => {
  using world = new World()
  const co = new Coroutine(function* () {
    const results = []
    for (let i = 0; i < 3; i++) results.push(yield* world.pool.submitCo(task<number, number>('double'), i))
    try {
      yield* world.pool.submitCo(task('fail'), 'on purpose')
    } catch (error) {
      results.push((error as Error).message)
    }
    return results
  })
  co.enter(world.ctx)
  world.ctx.waitWhile(() => !co.done)
  expect(co.result).toEqual([0, 2, 4, 'on purpose'])
  expect(() => world.pool.submitCo(task(), 1).next()).toThrow(code('ERR_AIO_CO_NOT_INSIDE'))
})

test('W4: a coroutine that is cancelled takes its request with it', () => {
  using world = new World({ max: 1 })
  const hold = world.hold()
  world.start(task('hold'), hold)
  hold.await(1, world)
  const co = new Coroutine(() => world.pool.submitCo(task(), 1))
  co.enter(world.ctx)
  co.cancel()
  world.ctx.waitWhile(() => !co.done)
  world.ctx.poll(false)
  expect(world.pool.stats()).toMatchObject({ cancelled: 1, pending: 1 })
})

describe('W4', () => {
  test('requests that wait are cancelled while others run: they never begin, and hear ECANCELED in a poll', () => {
    using world = new World({ max: 2 })
    const hold = world.hold()
    const running = [world.start(task('hold'), hold), world.start(task('hold'), hold)]
    hold.await(2, world)
    const order = words(100)
    const outcomes: Outcome[] = []
    const requests = Array.from({ length: 50 }, (_, id) =>
      world.pool.submitAio(
        task('note'),
        { order, id: id + 1 },
        (error, result) => void outcomes.push({ error, result }),
      ),
    )
    for (const request of requests.slice(10)) expect(request.cancelAsync()).toBe(true)
    expect(requests[20]!.cancelAsync()).toBe(false)
    expect(outcomes).toEqual([])
    world.ctx.poll(false)
    expect(outcomes.map(({ error }) => error!.code)).toEqual(new Array(40).fill('ECANCELED'))
    hold.release()
    world.ctx.waitWhile(() => world.pool.stats().pending > 0)
    expect([order[0], world.pool.stats().cancelled, running.flat().length]).toEqual([10, 40, 2])
  })

  test('a request that has begun runs to its end; cancel() waits for it', () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    const outcomes: Outcome[] = []
    const request = world.pool.submitAio(
      task('hold'),
      hold,
      (error, result) => void outcomes.push({ error, result }),
    )
    hold.await(1, world)
    expect(request.cancelAsync()).toBe(false)
    expect(request.ended).toBe(false)
    world.ctx.scheduleOneshot(() => hold.release())
    expect(request.cancel()).toBe(false)
    expect([request.ended, outcomes[0]!.error]).toEqual([true, null])
    expect(request.cancel()).toBe(false)
  })

  test('cancel() of one that waits ends it before it returns', () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    const outcomes: (string | undefined)[] = []
    const request = world.pool.submitAio(
      task(),
      1,
      (error) => void outcomes.push((error as { code?: string }).code),
    )
    expect([request.cancel(), outcomes]).toEqual([true, ['ECANCELED']])
    hold.release()
  })

  test('cancelled places in the queue are used again, also when all are taken', () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    for (let round = 0; round < 3; round++) {
      const requests = Array.from({ length: 10_000 }, () => world.pool.submitAio(task(), 1, () => {}))
      for (const request of requests) request.cancelAsync()
    }
    const last = world.start(task(), 'last')
    world.ctx.poll(false)
    expect(world.pool.stats()).toMatchObject({ cancelled: 30_000, pending: 2 })
    hold.release()
    world.ctx.waitWhile(() => last.length === 0)
    expect(last[0]!.result).toBe('last')
  })

  test('what waits for room is begun when others are cancelled', () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    const filling = Array.from({ length: SLOTS }, () => world.pool.submitAio(task(), 0, () => {}))
    const overflow = world.start(task(), 'overflow')
    for (const request of filling) request.cancelAsync()
    hold.release()
    world.ctx.waitWhile(() => overflow.length === 0)
    expect(world.pool.stats()).toMatchObject({ cancelled: SLOTS, waiting: 0 })
  })

  test('submitting and cancelling, over and over, while all threads are busy takes no memory', () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    world.start(task(), 'keeps the queue from moving')
    const cycle = (): void => {
      for (let i = 0; i < 50_000; i++) world.pool.submitAio(task(), i, () => {}).cancelAsync()
      world.ctx.poll(false)
    }
    cycle()
    const growth = [1, 2, 3].map(() => {
      globalThis.gc!()
      const before = process.memoryUsage().heapUsed
      cycle()
      globalThis.gc!()
      return process.memoryUsage().heapUsed - before
    })
    expect(Math.min(...growth)).toBeLessThan(2 ** 20)
  })

  test('a signal that aborts with null cancels all the same; many requests are one listener', async () => {
    using world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    const controller = new AbortController()
    const { signal } = controller
    const add = vi.spyOn(signal, 'addEventListener')
    const all = Array.from({ length: 20 }, () => world.pool.submit(task(), 1, { signal }))
    const settled = Promise.allSettled(all)
    controller.abort(null)
    world.ctx.poll(false)
    expect((await settled).map((one) => (one as PromiseRejectedResult).reason.name)).toEqual(
      new Array(20).fill('AbortError'),
    )
    expect(add).toHaveBeenCalledOnce()
  })

  test('an AbortSignal cancels: before, while it waits, and too late', async () => {
    using world = new World({ max: 1 })
    const reason = new Error('enough')
    expect(() => world.pool.submitAio(task(), 1, () => {}, { signal: AbortSignal.abort(reason) })).toThrow(
      reason,
    )
    await expect(world.pool.submit(task(), 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const hold = world.hold()
    const controller = new AbortController()
    const { signal } = controller
    const running = world.pool.submit(task('hold'), hold, { signal })
    hold.await(1, world)
    const waiting = world.pool.submit(task(), 1, { signal })
    world.pool.submitImmediate(task(), 1, { signal })
    waiting.catch(() => {})
    controller.abort(reason)
    hold.release()
    world.ctx.waitWhile(() => world.pool.stats().pending > 0)
    await expect(waiting).rejects.toBe(reason)
    expect(await running).toEqual(expect.any(Number))
    expect(world.pool.stats().cancelled).toBe(2)
  })
})

test('W7: more than maxQueue is refused; drain says when there is room', () => {
  using world = new World({ max: 1, maxQueue: 3 })
  const hold = world.hold()
  const drained = vi.fn()
  world.pool.on('drain', drained)
  world.start(task('hold'), hold)
  hold.await(1, world)
  for (let i = 0; i < 3; i++) world.start(task(), i)
  for (let i = 0; i < 3; i++) expect(() => world.start(task(), 9)).toThrow(code('ERR_AIO_POOL_FULL'))
  expect(drained).not.toHaveBeenCalled()
  hold.release()
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(drained).toHaveBeenCalledOnce()
  expect(world.run(task(), 1).result).toBe(1)
})

test('W7: requests that were cancelled do not wait, and are room', () => {
  using world = new World({ max: 1, maxQueue: 3 })
  const hold = world.hold()
  const drained = vi.fn()
  world.pool.on('drain', drained)
  world.start(task('hold'), hold)
  hold.await(1, world)
  const requests = [1, 2, 3].map((i) => world.pool.submitAio(task(), i, () => {}))
  expect(() => world.start(task(), 4)).toThrow(code('ERR_AIO_POOL_FULL'))
  for (const request of requests.slice(1)) request.cancelAsync()
  expect(world.pool.stats().waiting).toBe(1)
  requests[0]!.cancelAsync()
  world.ctx.poll(false)
  expect(drained).toHaveBeenCalledOnce()
  world.start(task(), 5)
})

test('W7, X1: a listener of drain that throws takes no answer away', () => {
  using world = new World({ max: 1, maxQueue: 1 })
  const hold = world.hold()
  world.start(task('hold'), hold)
  hold.await(1, world)
  const outcomes = world.start(task(), 1)
  expect(() => world.start(task(), 2)).toThrow(code('ERR_AIO_POOL_FULL'))
  world.pool.on('drain', () => {
    throw new Error('on purpose')
  })
  hold.release()
  expect(() => world.ctx.waitWhile(() => world.pool.stats().pending > 0)).toThrow('on purpose')
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(outcomes.length).toBe(1)
})

describe('W8', () => {
  test('buffers move to the task at once, and back', () => {
    using world = new World()
    const buffer = new Uint8Array([1, 2, 3]).buffer
    const outcomes: Outcome<ArrayBuffer>[] = []
    world.pool.submitAio(
      task<ArrayBuffer, ArrayBuffer>('moveBack'),
      buffer,
      (error, result) => void outcomes.push({ error, result }),
      { transfer: [buffer] },
    )
    expect(buffer.byteLength).toBe(0)
    world.ctx.waitWhile(() => outcomes.length === 0)
    expect([...new Uint8Array(outcomes[0]!.result!)]).toEqual([1, 2, 3])
  })

  test('shared memory is shared, and ports arrive', () => {
    using world = new World()
    const counter = words(1)
    for (let i = 0; i < 10; i++) world.run(task('increment'), counter)
    expect(counter[0]).toBe(10)
    const { port1, port2 } = new MessageChannel()
    world.pool.submitAio(task('echoOnPort'), { port: port2, value: 'hello' }, () => {}, { transfer: [port2] })
    world.ctx.waitWhile(() => world.pool.stats().pending > 0)
    expect(receiveMessageOnPort(port1)!.message).toBe('hello')
    port1.close()
  })

  test('what cannot be sent is refused by submitAio, and nothing is lost by it', () => {
    using world = new World()
    for (const wrong of [() => {}, Symbol('x'), { a: () => {} }]) {
      expect(() => world.start(task(), wrong)).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    }
    expect(world.pool.stats().pending).toBe(0)
    expect(world.run(task(), 1).result).toBe(1)
  })
})

describe('W9', () => {
  test('closing waits for what runs, cancels what waits and ends all threads', async () => {
    const before = openDescriptors()
    const world = new World({ max: 2 })
    const hold = world.hold()
    const running = [world.start(task('hold'), hold), world.start(task('hold'), hold)]
    hold.await(2, world)
    const waiting = Array.from({ length: 10 }, () => world.start(task(), 1))
    world.ctx.scheduleOneshot(() => hold.release())
    world.pool.close()
    world.pool.close()
    expect(running.map(([outcome]) => outcome!.error)).toEqual([null, null])
    expect(waiting.map(([outcome]) => outcome!.error!.code)).toEqual(new Array(10).fill('ECANCELED'))
    expect(world.pool.stats()).toMatchObject({ threads: 0, pending: 0 })
    for (const use of [() => world.start(task(), 1), () => world.pool.setParams({ max: 1 })]) {
      expect(use).toThrow(code('ERR_AIO_CLOSED'))
    }
    await world.pool[Symbol.asyncDispose]()
    world.ctx.close()
    expect(openDescriptors()).toBe(before)
  })

  test('X6: pools that are made and closed, with and without their context, leave no descriptors', async () => {
    const cycle = async (): Promise<void> => {
      using world = new World({ min: 1, max: 2 })
      await using pool = new ThreadPool(world.ctx)
      let ended = 0
      pool.submitAio(task(), { a: 1 }, () => void ended++)
      expect(world.run(task(), 5).result).toBe(5)
      world.ctx.waitWhile(() => ended === 0)
      await world.pool[Symbol.asyncDispose]()
    }
    await cycle()
    const before = openDescriptors()
    for (let i = 0; i < 20; i++) await cycle()
    expect(openDescriptors()).toBe(before)
  })

  test('a callback that throws while it is closed: all is closed, and the error is thrown', () => {
    const world = new World({ max: 1 })
    const hold = world.hold()
    world.start(task('hold'), hold)
    hold.await(1, world)
    world.pool.submitAio(task(), 1, () => {
      hold.release()
      throw new Error('on purpose')
    })
    expect(() => world.ctx.close()).toThrow('on purpose')
    expect(world.pool.stats()).toMatchObject({ threads: 0, pending: 0 })
  })
})

test('X1: a callback that throws leaves the others to the next poll', () => {
  using world = new World({ max: 1 })
  const told: number[] = []
  for (let i = 0; i < 10; i++) {
    world.pool.submitAio(task(), i, () => {
      told.push(i)
      if (i % 2 === 0) throw new Error('on purpose')
    })
  }
  let thrown = 0
  while (told.length < 10) {
    try {
      world.ctx.poll(true)
    } catch {
      thrown++
    }
  }
  expect([told, thrown]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 5])
})

test('what tasks leave in Node’s loop of their thread goes on while the thread has nothing to do', () => {
  using world = new World({ max: 1 })
  const counter = words(1)
  expect(world.run(task('leaveBehind'), counter).result).toBe(1)
  while (Atomics.load(counter, 0) < 3) Atomics.wait(counter, 0, Atomics.load(counter, 0), 1)
  expect(world.run(task('leaveBehind'), counter).result).toBe(2)
})

test('threads are started with what the options say, and measure when they are told to', () => {
  using world = new World({ env: { FIXTURE: 'given' }, measure: true })
  expect(world.run(task('environment'), undefined).result).toBe('given')
  const { waitTime, runTime } = world.pool.stats()
  expect([waitTime!.count, runTime!.count]).toEqual([1, 1])
  using other = new World()
  expect(other.pool.stats()).toMatchObject({ waitTime: null, runTime: null, threads: 0 })
})

test('X3: wrong arguments are refused with a code', () => {
  using world = new World()
  const { pool, ctx } = world
  const wrong: (() => unknown)[] = [
    () => new ThreadPool(null as never),
    () => new ThreadPool(ctx, null as never),
    () => new ThreadPool(ctx, { max: '3' as never }),
    () => new ThreadPool(ctx, { max: 0 }),
    () => new ThreadPool(ctx, { max: 257 }),
    () => new ThreadPool(ctx, { min: 3, max: 2 }),
    () => new ThreadPool(ctx, { maxQueue: 0 }),
    () => new ThreadPool(ctx, { idleTimeoutMs: -1 }),
    () => new ThreadPool(ctx, { measure: 1 as never }),
    () => new ThreadPool(ctx, { name: 5 as never }),
    () => pool.setParams(null as never),
    () => pool.setParams({ min: 1.5 }),
    () => pool.submitAio(null as never, 1, () => {}),
    () => pool.submitAio((() => {}) as never, 1, () => {}),
    () => pool.submitAio(task(), 1, null as never),
    () => pool.submitAio(task(), 1, () => {}, null as never),
    () => pool.submitAio(task(), 1, () => {}, { signal: {} as never }),
    () => pool.submitAio(task(), 1, () => {}, { transfer: 5 as never }),
  ]
  for (const use of wrong) {
    expect(use, String(use)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_AIO_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/) }),
    )
  }
  expect(pool.stats().pending).toBe(0)
})
