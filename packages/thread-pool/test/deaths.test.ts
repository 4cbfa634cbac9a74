import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { openDescriptors } from '@aiokit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Outcome, task, World } from './harness.ts'

const workers: Worker[] = []
const noteWorker = (worker: Worker): void => void workers.push(worker)
beforeAll(() => void process.on('worker', noteWorker))
afterAll(() => void process.off('worker', noteWorker))

const limits = { resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } }

test.each([
  ['exit', 'by process.exit(3)'],
  ['throw', 'of an error that nothing caught'],
  ['reject', 'of an error that nothing caught'],
  ['memory', 'by force'],
])('W6: a thread that ends by %s fails its request, says why, and is replaced', (how, words) => {
  using world = new World({ max: 1, ...limits })
  const died = world.start(task('die'), how)
  const next = world.start(task(), 'next')
  world.ctx.waitWhile(() => world.pool.stats().pending > 0)
  expect(died).toEqual([
    {
      error: expect.objectContaining({
        code: 'ERR_AIO_THREAD_DIED',
        message: expect.stringContaining(words),
      }),
      result: undefined,
    },
  ])
  if (how === 'throw') expect((died[0]!.error!.cause as Error).message).toBe('nobody catches this')
  expect(next).toEqual([{ error: null, result: 'next' }])
})

test.each(['exit', 'throw', 'memory', 'terminate'])(
  'W6: 100 threads that end by %s under load: each request is answered once',
  async (how) => {
    using world = new World({ max: 2, ...limits })
    const DEATHS = how === 'memory' ? 25 : 100
    let deaths = 0
    let next = 0
    const answers: Outcome[][] = []
    const submit = (what: string, argument: unknown): void => {
      const outcomes: Outcome[] = []
      answers.push(outcomes)
      world.pool.submitAio(task(what), argument, (error, result) => {
        outcomes.push({ error, result })
        if (error !== null) {
          expect(error).toMatchObject({ code: 'ERR_AIO_THREAD_DIED' })
          deaths++
        }
      })
    }
    workers.length = 0
    while (deaths < DEATHS) {
      // Numbers, objects and messages, so that threads die with whatever is on its way.
      while (world.pool.stats().pending < 20) {
        const number = next++
        submit(
          'default',
          number % 3 === 0 ? number : number % 3 === 1 ? { number } : new Map([[number, number]]),
        )
        if (how !== 'terminate' && number % 50 === 7) submit('die', how)
      }
      if (how === 'terminate' && next % 3 === 0) {
        void workers.pop()?.terminate()
        // Those that had nothing to do when they were terminated count as well.
        deaths += 1 / 8
      }
      world.ctx.poll(true, 1e7)
      // One that was terminated before it began is noticed by Node's loop.
      await new Promise(setImmediate)
    }
    while (world.pool.stats().pending > 0) {
      world.ctx.poll(true, 1e7)
      await new Promise(setImmediate)
    }
    expect(answers.filter((outcomes) => outcomes.length !== 1)).toEqual([])
    expect(world.run(task(), 'alive').result).toBe('alive')
  },
)

test('W6: threads that never come to work do not keep requests waiting for ever', async () => {
  using world = new World({
    max: 2,
    execArgv: ['--require', fileURLToPath(new URL('./fixtures/exit.cjs', import.meta.url))],
  })
  const outcomes = [world.start(task(), 1), world.start(task(), 2)]
  while (world.pool.stats().pending > 0) {
    world.ctx.poll(true, 1e7)
    await new Promise(setImmediate)
  }
  expect(outcomes.flat().map(({ error }) => error!.code)).toEqual([
    'ERR_AIO_THREAD_DIED',
    'ERR_AIO_THREAD_DIED',
  ])
})

/** Of Node's own files, which it opens to load modules, some stay open in threads that end meanwhile. */
const pipes = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('pipe:')
    } catch {
      return false
    }
  }).length

test('X4: threads that are terminated while they start leave nothing open', async () => {
  const before = openDescriptors()
  using world = new World({ min: 1, max: 1 })
  const open = openDescriptors()
  for (let round = 0; round < 30; round++) {
    workers.length = 0
    while (world.pool.stats().threads === 0) world.ctx.poll(true, 1e6)
    // Node tells of it later.
    await new Promise(setImmediate)
    const [worker] = workers
    // Its program begins now.
    await once(worker!, 'online')
    await worker!.terminate()
    while (world.pool.stats().threads > 0) world.ctx.poll(true, 1e6)
    expect(openDescriptors()).toBe(open)
  }
  world.pool.terminate()
  world.ctx.close()
  expect(openDescriptors()).toBe(before)
})

test('X4: a thread that is terminated while its pool starts leaves no pipes behind', async () => {
  const before = pipes()
  for (let round = 0; round < 5; round++) {
    const owner = new Worker(new URL('./fixtures/owner.mjs', import.meta.url))
    await once(owner, 'message')
    await owner.terminate()
  }
  expect(pipes()).toBe(before)
})

test('W6: an error of what a task left behind is nobody’s request: it leaves a poll, and the pool goes on', () => {
  using world = new World({ max: 1 })
  expect(world.run(task('throwLater'), undefined).error).toBe(null)
  expect(() => world.ctx.waitWhile(() => true)).toThrow('left behind')
  expect(world.run(task(), 'alive').result).toBe('alive')
})

test('W6: if no thread can be started, requests fail with the reason', () => {
  using world = new World({ execArgv: ['--no-such-option'] })
  expect(world.run(task(), 1).error).toMatchObject({ code: 'ERR_WORKER_INVALID_EXEC_ARGV' })
})

test('W9: terminate() ends what close() waits for', () => {
  using world = new World({ max: 1 })
  const hold = world.hold()
  const running = world.start(task('hold'), hold)
  hold.await(1, world)
  world.ctx.scheduleOneshot(() => world.pool.terminate())
  world.pool.close()
  expect(running[0]!.error!.code).toBe('ERR_AIO_THREAD_DIED')
})

test('W9: terminate() ends tasks that do not end', async () => {
  const before = openDescriptors()
  const world = new World({ max: 2 })
  const hold = world.hold()
  const running = [world.start(task('hold'), hold), world.start(task('hold'), hold)]
  const waiting = world.start(task(), 1)
  hold.await(2, world)
  world.pool.terminate()
  expect(running.flat().map(({ error }) => error!.code)).toEqual([
    'ERR_AIO_THREAD_DIED',
    'ERR_AIO_THREAD_DIED',
  ])
  expect(waiting[0]!.error!.code).toBe('ECANCELED')
  expect(world.pool.stats()).toMatchObject({ threads: 0, pending: 0 })
  await world.pool[Symbol.asyncDispose]()
  world.ctx.close()
  expect(openDescriptors()).toBe(before)
})
