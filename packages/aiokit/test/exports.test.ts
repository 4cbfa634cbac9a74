import * as errors from '@aiokit/errors'
import { hasIoUring } from '@aiokit/testing'
import { expect, test } from 'vitest'
import * as aiokit from '../src/index.ts'

test('what the packages check arguments and make errors with is not exported', () => {
  expect(Object.keys(errors).filter((name) => name in aiokit)).toEqual([])
})

test('X2: the code of a misuse has a type', () => {
  const code: aiokit.AioErrorCode = 'ERR_AIO_FDMON'
  expect(() => new aiokit.AioContext({ fdmon: 'kqueue' as never })).toThrow(expect.objectContaining({ code }))
})

test('C1: coroutines live in the contexts of this package', () => {
  using ctx = new aiokit.AioContext()
  const co = new aiokit.Coroutine(function* () {
    yield* aiokit.coSleep(ctx, 1)
    return aiokit.AioContext.current
  })
  co.enter(ctx)
  ctx.waitWhile(() => !co.done)
  expect(co.result).toBe(ctx)
})

test('W1: a context has a thread pool, made when it is first used', () => {
  using ctx = new aiokit.AioContext({ threadPool: { max: 1 } })
  const task = aiokit.defineTask<number, number>('data:text/javascript,export default (x) => x + 1')
  let result: number | undefined
  ctx.threadPool.submitAio(task, 1, (_error, value) => {
    result = value
  })
  ctx.waitWhile(() => result === undefined)
  expect(result).toBe(2)
})

test('W1: an I/O thread has a context of this package, with the monitor that was asked for', async () => {
  const what = aiokit.defineTask<number, unknown>(
    new URL('./fixtures/thread.mjs', import.meta.url),
    'describe',
  )
  for (const fdmon of ['poll', 'epoll', 'io_uring'] as const) {
    await using thread = new aiokit.IOThread({ name: 'mine', fdmon, threadPool: { max: 1 } })
    const monitor = fdmon === 'io_uring' && !hasIoUring() ? 'epoll' : fdmon
    const aio = monitor === 'io_uring' ? 'io_uring' : 'threads'
    expect(await thread.call(what, 1)).toEqual([true, 'mine', monitor, aio, 2])
  }
  const wrong = (fdmon: unknown) => () => new aiokit.IOThread({ fdmon } as never)
  expect(wrong('kqueue')).toThrow(expect.objectContaining({ code: 'ERR_AIO_FDMON' }))
  expect(wrong(aiokit.pollMonitor())).toThrow(expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }))
})

test('O2: an I/O thread measures the time that its context waits if it is asked to', async () => {
  const module = new URL('./fixtures/thread.mjs', import.meta.url)
  const blockedNs = aiokit.defineTask<null, number | null>(module, 'blockedNs')
  await using plain = new aiokit.IOThread()
  await using measuring = new aiokit.IOThread({ measure: true })
  expect(await plain.call(blockedNs, null)).toBe(null)
  expect(await measuring.call(blockedNs, null)).toEqual(expect.any(Number))
  const wrong = () => new aiokit.IOThread({ measure: 1 } as never)
  expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }))
})
