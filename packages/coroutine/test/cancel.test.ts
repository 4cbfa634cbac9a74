import type { AioContext } from '@aiokit/aio'
import { ManualClock, realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Co,
  CoMutex,
  Coroutine,
  CoSleep,
  coAwait,
  coSchedule,
  coShield,
  coSleep,
  coTimeout,
  coWake,
} from '../src/index.ts'
import { code } from './code.ts'
import { monitors, newContext } from './monitors.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe.each(monitors)('sleeping, deadlines, cancelling and promises with %s', (_, make) => {
  let ctx: AioContext
  let clock: ManualClock
  beforeEach(() => {
    ctx = newContext(make)
    clock = new ManualClock()
  })
  afterEach(() => ctx.close())

  const entered = <T>(body: () => Co<T>): Coroutine<T> => {
    const co = new Coroutine(body)
    co.enter(ctx)
    return co
  }
  const pollAll = () => {
    while (ctx.poll(false)) {}
  }
  const at = (ns: number) => {
    clock.set(ns)
    pollAll()
  }

  test('C3: coSleep lasts as long as it says, again and again with one timer', () => {
    const log: number[] = []
    const co = entered(function* () {
      for (const ns of [10, 0, 5]) {
        yield* coSleep(ctx, ns, clock)
        log.push(clock.now())
      }
    })
    at(9)
    expect(log).toEqual([])
    at(10)
    expect(log).toEqual([10, 10])
    at(15)
    expect([log, co.done]).toEqual([[10, 10, 15], true])
  })

  test('C1: one that sleeps cannot be entered or woken by others', () => {
    const co = entered(() => coSleep(ctx, 10, clock))
    for (const f of [() => co.enter(), () => coWake(co), () => coSchedule(ctx, co)])
      expect(f).toThrow(code('ERR_AIO_CO_WAITING'))
    at(10)
    expect(co.done).toBe(true)
  })

  test('C3: a CoSleep can be woken early, once, and has place for one', () => {
    const sleep = new CoSleep()
    expect(sleep.wake()).toBe(false)
    const co = entered(() => sleep.sleep(ctx, Number.POSITIVE_INFINITY))
    expect(() => entered(() => sleep.sleep(ctx, 1)).result).toThrow(code('ERR_AIO_CO_SLEEPING'))
    expect([sleep.wake(), sleep.wake(), co.done]).toEqual([true, false, false])
    pollAll()
    expect(co.done).toBe(true)
    const again = entered(() => sleep.sleep(ctx, 5, clock))
    at(5)
    expect(again.done).toBe(true)
  })

  test('C3: a CoSleep has place for the next as soon as its sleeper is woken', () => {
    const sleep = new CoSleep()
    const log: string[] = []
    const sleeper = entered(function* () {
      yield* sleep.sleep(ctx, 1e15)
      log.push('woken')
    })
    const waker = entered(function* () {
      sleep.wake()
      yield* sleep.sleep(ctx, 1e4)
      log.push('slept')
    })
    expect(log).toEqual(['woken'])
    ctx.waitWhile(() => !waker.done)
    expect([log, sleeper.done]).toEqual([['woken', 'slept'], true])
    const again = entered(() => sleep.sleep(ctx, 1))
    ctx.waitWhile(() => !again.done)
    expect(again.result).toBeUndefined()
  })

  test('C3: what is left of a sleep that was ended early does not end the next one', () => {
    const sleep = new CoSleep()
    const co = entered(function* () {
      yield* sleep.sleep(ctx, 5, clock)
      yield* sleep.sleep(ctx, Number.POSITIVE_INFINITY, clock)
    })
    sleep.wake()
    at(10)
    expect(co.done).toBe(false)
    sleep.wake()
    at(10)
    expect(co.done).toBe(true)
  })

  test('X3: a sleep that is none is refused', () => {
    const bad: [Co<unknown>, string][] = [
      [coSleep(ctx, Number.NaN), 'ERR_AIO_OUT_OF_RANGE'],
      [coSleep(ctx, -1), 'ERR_AIO_OUT_OF_RANGE'],
      [coSleep(ctx, '1' as never), 'ERR_AIO_INVALID_ARG_TYPE'],
      [coSleep({} as never, 1), 'ERR_AIO_INVALID_ARG_TYPE'],
      [coSleep(ctx, 1, {} as never), 'ERR_AIO_INVALID_ARG_TYPE'],
      [coTimeout(ctx, -1, coSleep(ctx, 1)), 'ERR_AIO_OUT_OF_RANGE'],
    ]
    for (const [wait, expected] of bad) expect(() => entered(() => wait).result).toThrow(code(expected))
  })

  test('C3: coTimeout throws where the body waits, whose finally blocks run and may wait', () => {
    const log: unknown[] = []
    const co = entered(function* () {
      try {
        yield* coTimeout(
          ctx,
          10,
          (function* () {
            try {
              yield* coSleep(ctx, 100, clock)
            } finally {
              yield* coSleep(ctx, 5, clock)
              log.push('cleared up', clock.now())
            }
          })(),
          clock,
        )
      } catch (error) {
        log.push((error as { code: string }).code, clock.now())
      }
    })
    at(9)
    at(10)
    expect(log).toEqual([])
    at(15)
    expect(log).toEqual(['cleared up', 15, 'ERR_AIO_TIMEOUT', 15])
    at(1000)
    expect(co.done).toBe(true)
  })

  test('C3: coTimeout returns what a body in time returns, and leaves no deadline behind', () => {
    const co = entered(function* () {
      const value = yield* coTimeout(
        ctx,
        10,
        (function* () {
          yield* coSleep(ctx, 5, clock)
          return 7
        })(),
        clock,
      )
      yield* coSleep(ctx, 100, clock)
      return value
    })
    for (const ns of [5, 10, 50, 105]) at(ns)
    expect(co.result).toBe(7)
  })

  test.each([
    ['the inner first', 5, ['inner', 'outer']],
    ['the outer first', 20, ['outer']],
    ['the outer first, at the same time', 10, ['outer']],
  ])('C3: of nested deadlines each is its own: %s', (_, ns, expected) => {
    for (const late of [false, true]) {
      clock = new ManualClock()
      const caught: string[] = []
      function* deadline(name: string, after: number, body: Co<void>): Co<void> {
        try {
          yield* coTimeout(ctx, after, body, clock)
        } catch (error) {
          if ((error as { code: string }).code !== 'ERR_AIO_TIMEOUT') throw error
          caught.push(name)
        }
      }
      function* body(): Co<void> {
        yield* deadline(
          'inner',
          ns,
          (function* () {
            // Both pass while it runs, and are thrown one after the other.
            if (late) at(20)
            yield* coSleep(ctx, 100, clock)
          })(),
        )
        yield* coSleep(ctx, 1000, clock)
      }
      const co = entered(() => deadline('outer', 10, body()))
      at(20)
      expect([caught, co.done]).toEqual([expected, true])
    }
  })

  test('C3: a deadline that comes while the body polls, and the body is through: it is too late', () => {
    const co = entered(() =>
      coTimeout(
        ctx,
        10,
        (function* () {
          at(20)
          return 1
        })(),
        clock,
      ),
    )
    expect(co.result).toBe(1)
  })

  test('C3: cancel throws at the yield, and nobody needs to wait for that', () => {
    const reason = new Error('enough')
    const log: string[] = []
    const co = entered(function* () {
      try {
        yield
      } finally {
        log.push('cleared up')
      }
    })
    ctx.scheduleOneshot(() => {
      co.cancel(reason)
      log.push('at once')
      co.cancel()
    })
    pollAll()
    expect(log).toEqual(['cleared up', 'at once'])
    expect(() => co.result).toThrow(reason)
    const other = entered(() => coSleep(ctx, 1e12))
    other.cancel()
    pollAll()
    expect(() => other.result).toThrow(code('ERR_AIO_CANCELED'))
  })

  test('C3: one that was never entered is cancelled without running', () => {
    const log: string[] = []
    const body = function* () {
      log.push('run')
    }
    const fresh = new Coroutine(body)
    fresh.cancel()
    const scheduled = new Coroutine(body)
    coSchedule(ctx, scheduled)
    scheduled.cancel()
    pollAll()
    for (const co of [fresh, scheduled]) expect(() => co.result).toThrow(code('ERR_AIO_CANCELED'))
    expect(log).toEqual([])
  })

  test('C3: cancelling oneself takes effect where one waits next', () => {
    const log: string[] = []
    const co: Coroutine<void> = new Coroutine(function* () {
      co.cancel()
      log.push('goes on')
      yield* coSleep(ctx, 0)
      log.push('not here')
    })
    co.enter(ctx)
    expect([log, co.done]).toEqual([['goes on'], true])
  })

  test('C3: a body may catch it and go on', () => {
    const co = entered(function* () {
      try {
        yield
      } catch {
        yield* coSleep(ctx, 5, clock)
      }
      return 'went on'
    })
    co.cancel()
    pollAll()
    at(5)
    expect(co.result).toBe('went on')
  })

  test('C1: who was to wake a coroutine that is being interrupted may still do so, once', () => {
    const log: unknown[] = []
    const co = entered(function* () {
      try {
        yield
      } catch (error) {
        log.push((error as { code: string }).code)
      }
      yield
      log.push('woken')
    })
    // From outside both wait for the context's bottom half.
    co.cancel()
    coWake(co)
    expect(() => coWake(co)).toThrow(code('ERR_AIO_CO_SCHEDULED'))
    pollAll()
    expect(log).toEqual(['ERR_AIO_CANCELED'])
    coWake(co)
    pollAll()
    expect(log).toEqual(['ERR_AIO_CANCELED', 'woken'])
  })

  test('C3: coShield keeps it back until the body is through', () => {
    const log: string[] = []
    const co = entered(function* () {
      yield* coShield(coSleep(ctx, 10, clock))
      log.push('through')
      yield* coSleep(ctx, 10, clock)
      log.push('not here')
    })
    co.cancel()
    pollAll()
    expect(co.done).toBe(false)
    at(10)
    expect([log, co.done]).toEqual([['through'], true])
  })

  test('C3: one that is interrupted while it moves to another context hears it there', () => {
    const mutex = new CoMutex()
    const co = entered(function* () {
      yield* mutex.lock()
      try {
        for (;;) {
          coSchedule(ctx, Coroutine.self!)
          yield
        }
      } finally {
        mutex.unlock()
      }
    })
    ctx.poll(true)
    co.cancel()
    ctx.poll(true)
    expect([co.done, mutex.locked]).toEqual([true, false])
  })

  test('C3: coAwait waits for a promise between polls, for its value or its error', async () => {
    const co = entered(function* () {
      const value: number = yield* coAwait(Promise.resolve(5))
      try {
        yield* coAwait(nextTurn().then(() => Promise.reject(new Error('no'))))
      } catch (error) {
        return [value, (error as Error).message]
      }
      return []
    })
    pollAll()
    expect(co.done).toBe(false)
    while (!co.done) {
      await nextTurn()
      pollAll()
    }
    expect(co.result).toEqual([5, 'no'])
  })

  test('C3: a promise that settles after its coroutine was cut short wakes nobody', async () => {
    let settle = (_: Error) => {}
    const late = new Promise<void>((_, reject) => {
      settle = reject
    })
    const co = entered(function* () {
      try {
        yield* coTimeout(ctx, 10, coAwait(late), clock)
      } catch (error) {
        expect(error).toEqual(code('ERR_AIO_TIMEOUT'))
      }
      yield
    })
    at(10)
    settle(new Error('too late'))
    await nextTurn()
    pollAll()
    expect(co.done).toBe(false)
    co.enter()
    expect(co.done).toBe(true)
  })

  test('C3: without a context a coroutine goes on from the promise', async () => {
    const co = new Coroutine(() => coAwait(nextTurn().then(() => 1)))
    co.enter()
    expect(await co.promise).toBe(1)
  })

  test('C3: the realtime clock is the default', () => {
    const start = realtime.now()
    const co = entered(() => coTimeout(ctx, 2e5, coSleep(ctx, 1e15)))
    expect(() => {
      ctx.waitWhile(() => !co.done)
      return co.result
    }).toThrow(code('ERR_AIO_TIMEOUT'))
    expect(realtime.now()).toBeGreaterThanOrEqual(start + 2e5)
  })
})
