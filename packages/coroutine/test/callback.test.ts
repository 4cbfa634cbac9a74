import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Coroutine, coCallback } from '../src/index.ts'

test('C3: what ends in a callback is waited for to its end, also by who is cancelled; once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('done', 'cancel'), { maxLength: 4 }), async (steps) => {
      let done!: (value: number) => void
      let cancels = 0
      const dropped: number[] = []
      const co = new Coroutine(() =>
        coCallback<number>(
          (given) => {
            done = given
            return () => cancels++
          },
          (value) => dropped.push(value),
        ),
      )
      co.enter()
      const outcome = co.promise.catch(() => 'cancelled')
      for (const [i, step] of [...steps, 'done'].entries()) {
        if (step === 'done') done(i)
        else co.cancel()
      }
      const first = [...steps, 'done'].indexOf('done')
      const cancelled = first > 0
      expect(co.done).toBe(true)
      expect(await outcome).toBe(cancelled ? 'cancelled' : first)
      expect([cancels, dropped]).toEqual(cancelled ? [1, [first]] : [0, []])
    }),
  )
})

test('a signal cancels with its reason, and is forgotten at the end', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const body = () => coCallback<void>(() => () => {})
  expect(() => new Coroutine(body, { signal: {} as never })).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
  )
  const co = new Coroutine(() => coCallback<void>((done) => () => done()), { signal })
  co.enter()
  const outcome = co.promise.catch((error: unknown) => error)
  controller.abort()
  expect(await outcome).toBe(signal.reason)
  expect(() => new Coroutine(body, { signal })).toThrow(signal.reason as Error)
})
