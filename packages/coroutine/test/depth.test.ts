import type { AioContext } from '@aiokit/aio'
import { runScript } from '@aiokit/testing'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CoMutex, Coroutine, coJoin, coSchedule, coYield } from '../src/index.ts'
import { monitors, newContext } from './monitors.ts'

/** Calls `callback` with so many words more on the stack. */
function padded(words: number, callback: () => void): void {
  ;((..._: number[]) => callback()).apply(null, new Array(words).fill(0))
}

describe.each(monitors)('coroutines that enter one another with %s', (_, make) => {
  let ctx: AioContext
  beforeEach(() => {
    ctx = newContext(make)
  })
  afterEach(() => ctx.close())

  /** All errors that nobody waited for. */
  function uncaught(): unknown[] {
    const errors: unknown[] = []
    for (;;) {
      try {
        while (ctx.poll(false));
        return errors
      } catch (error) {
        errors.push(error)
      }
    }
  }
  const isTooDeep = (error: unknown) => (error as { code?: string }).code === 'ERR_AIO_CO_TOO_DEEP'

  test('C4: however many there are, each ends with its finally blocks run, and one is told that there is no room', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 30, 300),
        fc.constantFrom('return', 'yield', 'join'),
        fc.boolean(),
        (words, then, catches) => {
          const all: Coroutine<void>[] = []
          const mutexes: CoMutex[] = []
          let begun = 0
          let ended = 0
          const refusals: unknown[] = []
          const add = (): Coroutine<void> => {
            const co = new Coroutine<void>(function* () {
              begun++
              const mutex = new CoMutex()
              mutexes.push(mutex)
              yield* mutex.lock()
              try {
                const next = add()
                padded(words, () => next.enter(ctx))
                if (then === 'join') yield* coJoin(next)
                else if (then === 'yield') yield* coYield()
              } catch (error) {
                refusals.push(error)
                if (!catches) throw error
              } finally {
                mutex.unlock()
                ended++
              }
            })
            all.push(co)
            return co
          }
          add().enter(ctx)
          const errors = uncaught()
          const refused = refusals.splice(0)
          for (const co of all) co.cancel()
          expect(uncaught()).toEqual([])
          expect(all.filter(({ done }) => !done)).toEqual([])
          expect(ended).toBe(begun)
          expect(mutexes.filter(({ locked }) => locked)).toEqual([])
          expect(refused.length).toBeGreaterThan(0)
          expect(refused.every(isTooDeep)).toBe(true)
          expect(errors).toEqual(catches ? [] : refused.slice(0, 1))
          expect(Coroutine.self).toBe(null)
        },
      ),
      { numRuns: 12 },
    )
  })

  test('C1: one that was refused because of that has not been entered, and can be from a bottom half', () => {
    const DEPTH = 5000
    let refused = 0
    const entered = (depth: number): Coroutine<number> =>
      new Coroutine(function* () {
        if (depth === DEPTH) return depth
        const next = entered(depth + 1)
        try {
          next.enter(ctx)
        } catch (error) {
          expect(error).toMatchObject({
            code: 'ERR_AIO_CO_TOO_DEEP',
            message: expect.stringContaining('coSchedule(ctx, co)'),
          })
          refused++
          coSchedule(ctx, next)
        }
        return yield* coJoin(next)
      })
    const first = entered(0)
    first.enter(ctx)
    ctx.waitWhile(() => !first.done)
    expect(first.result).toBe(DEPTH)
    expect(refused).toBeGreaterThan(0)
  })
})

// Of what the package is made into: vitest looks imports up where they are used, for which a stack that is full has no room.
test('C4: bodies that fill the stack between two looks at it end all the same, and what is woken then runs', () => {
  const script = `
    import { AioContext } from '@aiokit/aio'
    import { Coroutine, coWake, coYield } from '@aiokit/coroutine'
    import { pollMonitor } from '@aiokit/fdmon-poll'
    const ctx = new AioContext({ fdmon: pollMonitor() })
    const uncaught = () => {
      const errors = []
      for (;;) {
        try {
          while (ctx.poll(false));
          return errors
        } catch (error) {
          errors.push(error)
        }
      }
    }
    const padded = (words, callback) => ((..._) => callback()).apply(null, new Array(words).fill(0))
    const wrong = []
    const check = (what, fine) => fine || wrong.push(what)
    for (let round = 0; round < 300; round++) {
      const words = 1000 + ((round * 7919) % 20_000)
      const all = []
      const add = () => {
        const co = new Coroutine(function* () {
          padded(words, () => add().enter(ctx))
          if (round % 2 === 0) yield* coYield()
        })
        all.push(co)
        return co
      }
      add().enter(ctx)
      const errors = uncaught()
      check('errors of ' + words, errors.length > 0)
      for (const error of errors)
        check(error.stack, error.code === 'ERR_AIO_CO_TOO_DEEP' || error instanceof RangeError)
      for (const co of all) co.cancel()
      check('nothing more of ' + words, uncaught().length === 0)
      for (const [i, co] of all.entries()) check([words, i, co.flags], co.done)

      let ran = 0
      let wakes = 0
      const waiter = new Coroutine(function* () {
        yield* coYield()
        ran++
      })
      waiter.enter(ctx)
      const deep = () => {
        try {
          deep()
        } finally {
          // From the deepest call on, until it was possible.
          if (wakes === 0 && !waiter.done) {
            coWake(waiter)
            wakes++
          }
        }
      }
      try {
        deep()
      } catch (error) {
        check(error.stack, error instanceof RangeError || error.code === 'ERR_AIO_CO_SCHEDULED')
      }
      new Coroutine(function* () {}).enter(ctx)
      uncaught()
      check('woken ' + ran, waiter.done && ran === 1)
      check('self', Coroutine.self === null)
    }
    console.log(JSON.stringify(wrong.slice(0, 5)))`
  const { stdout, stderr } = runScript(script, { cwd: new URL('..', import.meta.url).pathname })
  expect([stdout, stderr]).toEqual(['[]\n', ''])
})
