import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { openDescriptors, openDescriptorsBesideFiles, runScript } from '@aiokit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IOThread } from '../src/index.ts'
import { code, fixture, MONITORS, type Monitor, reached, start, task, words } from './harness.ts'

const workers: Worker[] = []
const noteWorker = (worker: Worker): void => void workers.push(worker)
beforeAll(() => void process.on('worker', noteWorker))
afterAll(() => void process.off('worker', noteWorker))

const limits = { resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } }
const folder = fileURLToPath(new URL('..', import.meta.url))

describe.each(MONITORS)('on %s', (monitor) => {
  test('X4: stop() begins what was called, closes the context, and fails what has not ended', async () => {
    const thread = start(monitor)
    const closed = words()
    const cancelled = words()
    const never = thread.call(task('never'), undefined).catch((error) => error)
    const coroutine = thread.call(task('cancelledCo'), cancelled).catch((error) => error)
    const noted = thread.call(task('noteClose'), closed)
    await Promise.all([thread.stop(), thread.stop()])
    await noted
    expect(await never).toEqual(code('ERR_AIO_THREAD_STOPPED'))
    // Closing the context cancels it, and its end is its own.
    expect(await coroutine).toEqual(code('ERR_AIO_CLOSED'))
    expect([closed[0], cancelled[1]]).toEqual([1, 1])
    await thread.ended
    await thread.stop()
    await thread.terminate()
    await expect(thread.call(task(), 1)).rejects.toThrow(code('ERR_AIO_CLOSED'))
    expect(() => thread.remote).toThrow(code('ERR_AIO_CLOSED'))
  })

  test('X6: threads that come and go, by stop() and by force, leave no descriptors', async () => {
    const cycle = async (i: number): Promise<void> => {
      const thread = start(monitor)
      await thread.call(task(), i)
      if (i % 2 === 0) await thread.stop()
      else await thread.terminate()
    }
    await cycle(0)
    await cycle(1)
    const before = openDescriptors()
    for (let i = 0; i < 30; i++) await cycle(i)
    expect(openDescriptors()).toBe(before)
  })

  test.each([
    ['exit', 'by process.exit(3)', undefined],
    ['exit 0', 'by process.exit(0)', undefined],
    ['throw', 'of an error that nothing caught: nobody catches this', 'nobody catches this'],
    ['handler', 'of an error that nothing caught: from a handler', 'from a handler'],
    ['reject', 'of an error that nothing caught: nobody handles this', 'nobody handles this'],
    ['memory', 'of an error: Worker terminated due to reaching memory limit', 'memory limit'],
  ])('X4: a thread that ends by %s fails its calls and says why', async (how, words, cause) => {
    const thread = start(monitor, { name: 'mortal', ...limits })
    const failed = await Promise.all(
      [
        thread.call(task('never'), undefined),
        thread.call(task('die'), how),
        thread.call(task('never'), undefined),
        thread.ended,
      ].map((promise) => promise.catch((error) => error)),
    )
    for (const error of failed as (Error & { cause: Error })[]) {
      expect(error).toBe(failed[0])
      expect(error).toMatchObject({
        code: 'ERR_AIO_THREAD_DIED',
        message: expect.stringContaining(`I/O thread "mortal" has ended ${words}`),
      })
      if (cause === undefined) expect(error.cause).toBeUndefined()
      else expect(error.cause.message).toContain(cause)
    }
    await expect(thread.call(task(), 1)).rejects.toBe(failed[0])
    expect(() => thread.remote).toThrow(failed[0])
    await thread.stop()
  })
})

test.each(['exit', 'throw', 'handler', 'memory', 'terminate'])(
  'X4: threads that end by %s under load: each call is answered once',
  async (how) => {
    // Only a thread that is terminated may be in the middle of loading.
    const count = how === 'terminate' ? openDescriptorsBesideFiles : openDescriptors
    const before = count()
    for (let death = 0; death < (how === 'memory' ? 10 : 30); death++) {
      const thread = start(MONITORS[death % 3]!, limits)
      const answers: unknown[][] = []
      const call = (what: string, argument: unknown): void => {
        const own: unknown[] = []
        answers.push(own)
        const settled = (value: unknown): void => {
          own.push(value)
          if (answers.length < 500) call('default', { deep: [answers.length] })
        }
        thread.call(task(what), argument).then(settled, (error) => {
          own.push(error)
          expect(error).toMatchObject({ code: 'ERR_AIO_THREAD_DIED' })
        })
      }
      for (let i = 0; i < 10; i++) call(i % 3 === 0 ? 'sleepCo' : 'wander', i)
      if (how !== 'terminate') {
        await thread.ready
        call('die', how)
      } else {
        await thread.ready
        for (let turns = 0; turns < death; turns++) await new Promise(setImmediate)
        await workers.at(-1)!.terminate()
      }
      await expect(thread.ended).rejects.toThrow(code('ERR_AIO_THREAD_DIED'))
      await new Promise(setImmediate)
      expect(answers.filter((own) => own.length !== 1)).toEqual([])
    }
    expect(count()).toBeLessThanOrEqual(before)
  },
)

test('A3: an error of a handler ends the thread, unless its program handles uncaught ones', async () => {
  const thread = start()
  await thread.call(task('breakHandler'), true)
  expect(await thread.call(task(), 'alive')).toBe('alive')
  // It was another error that nothing caught: this end is not due to it.
  const died = await thread.call(task('die'), 'exit').catch((error) => error as Error)
  expect((died as Error).message).toContain('by process.exit(3)')
})

test.each([
  ['failing', undefined, 'no context today'],
  ['noContext', undefined, 'must return an AioContext'],
  ['missing', undefined, 'is not a function'],
  ['newContext', 'broken-module.mjs', 'broken module'],
])('X4: a thread that cannot start (%s, %s) says why', async (maker, module, text) => {
  const options = module === undefined ? {} : { module: fixture(module) }
  const thread = start('epoll', options, maker)
  const call = thread.call(task(), 1).catch((error) => error)
  const error = await thread.ready.catch((e) => e)
  expect(error).toMatchObject({ code: 'ERR_AIO_THREAD_DIED', message: expect.stringContaining(text) })
  expect(await call).toBe(error)
})

test('X4: terminate() ends what does not come back to its loop, or never becomes ready', async () => {
  const before = openDescriptors()
  const spinning = start()
  const memory = words()
  const call = spinning.call(task('spin'), memory).catch((error) => error)
  await reached(memory, 0, 1)
  const hanging = start('epoll', { module: fixture('hanging-module.mjs') })
  const ready = hanging.ready.catch((error) => error)
  await Promise.all([spinning.terminate(), hanging.terminate()])
  expect(await call).toEqual(code('ERR_AIO_THREAD_STOPPED'))
  expect(await ready).toEqual(code('ERR_AIO_THREAD_STOPPED'))
  expect(openDescriptors()).toBeLessThanOrEqual(before)
})

test('X4: stop() is no crash of a thread that has ended before its owner has heard that it was ready', async () => {
  const thread = start()
  const exited = words()
  const noted = thread.call(task('noteExit'), exited)
  const stopped = thread.stop()
  // Nothing is heard of meanwhile.
  Atomics.wait(exited, 0, 0)
  await stopped
  await noted
  await thread.ready
  expect(() => thread.remote).toThrow(code('ERR_AIO_CLOSED'))
})

test('X4: an error while the context is closed comes out of stop()', async () => {
  const thread = start()
  await thread.call(task('failClose'), undefined)
  await expect(thread.stop()).rejects.toMatchObject({ cause: { message: 'cannot close' } })
  await thread.stop()
})

test('X3: options of a wrong type are refused with a code', () => {
  const make = (options: object) => () => new IOThread({ context: task('default'), ...options } as never)
  for (const options of [{ name: 5 }, { context: () => {} }, { module: 5 }]) {
    expect(make(options)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  }
  expect(() => new IOThread(null as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  expect(make({ module: './relative.mjs' })).toThrow(code('ERR_AIO_RELATIVE_MODULE'))
  expect(make({ contextOptions: () => {} })).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
  expect(make({ execArgv: ['--no-such-option'] })).toThrow(code('ERR_WORKER_INVALID_EXEC_ARGV'))
})

test('X3: the context cannot be reached before it is there', async () => {
  const thread = start()
  expect(() => thread.remote).toThrow(code('ERR_AIO_NOT_READY'))
  await thread.ready
  expect(thread.remote.name).toBe('on epoll')
})

describe('the process', () => {
  const script = (monitor: Monitor, body: string): ReturnType<typeof runScript> =>
    runScript(
      `import { defineTask, IOThread } from '@aiokit/iothread'
       const task = (name) => defineTask('${fixture('tasks.mjs')}', name)
       const context = defineTask('${fixture('context.mjs')}', 'newContext')
       const thread = new IOThread({ context, contextOptions: { monitor: '${monitor}' }, execArgv: [] })
       ${body}`,
      { cwd: folder },
    )

  test.each(MONITORS)(
    'A1: a thread on %s that has nothing to answer does not keep the process alive',
    (monitor) => {
      const { status, stdout, stderr } = script(
        monitor,
        `await thread.ready
       console.log(await thread.call(task('wander'), 5))`,
      )
      expect([status, stdout, stderr]).toEqual([0, '5\n', ''])
    },
  )

  test('A1: ref() keeps it alive until unref()', () => {
    const { status, stdout } = script(
      'epoll',
      `await thread.ready
       thread.ref()
       setTimeout(() => { console.log('alive'); thread.unref() }, 20).unref()`,
    )
    expect([status, stdout]).toEqual([0, 'alive\n'])
  })

  test.each(MONITORS)('X4: it ends by process.exit() while a thread on %s sleeps', (monitor) => {
    const { status, signal, stderr } = script(monitor, `await thread.call(task('where'), 0); process.exit(7)`)
    expect([status, signal, stderr]).toEqual([7, null, ''])
  })

  test('T5: stopping a clock does not wait for a thread that was ended in a callback of it', () => {
    const { status, stdout } = script(
      'epoll',
      `import { virtual } from '@aiokit/timers'
       const words = new Int32Array(new SharedArrayBuffer(4))
       await thread.call(task('stuckTimer'), words)
       Atomics.wait(words, 0, 0)
       await thread.terminate()
       virtual.setEnabled(false)
       console.log('stopped')`,
    )
    expect([status, stdout]).toEqual([0, 'stopped\n'])
  })

  test('X4: a crash that nobody hears of is an uncaught error of the owner', () => {
    const { status, stderr } = script(
      'epoll',
      `await thread.call(task('breakHandler'), false)
       await new Promise((resolve) => setTimeout(resolve, 10_000))`,
    )
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_AIO_THREAD_DIED')
    expect(stderr).toContain('from a handler')
  })
})
