import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AioContext } from '@aiokit/aio'
import { realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Co,
  Coroutine,
  coJoin,
  coReschedule,
  coSchedule,
  coSleep,
  coWake,
  coYield,
} from '../src/index.ts'
import { code } from './code.ts'
import { monitors, newContext } from './monitors.ts'

describe('entering and yielding', () => {
  test('C1: enter runs the body until it yields, and on from there, until it ends', () => {
    const log: unknown[] = []
    const co = new Coroutine(function* () {
      log.push('begin', Coroutine.self === co)
      yield* coYield()
      log.push('middle')
      yield
      return 7
    })
    expect([co.done, Coroutine.self, co.ctx]).toEqual([false, null, null])
    expect(() => co.result).toThrow(code('ERR_AIO_CO_NOT_DONE'))
    co.enter()
    expect([log, Coroutine.self]).toEqual([['begin', true], null])
    co.enter()
    expect([log.length, co.done]).toEqual([3, false])
    co.enter()
    expect([co.done, co.result]).toEqual([true, 7])
  })

  test('C1: a coroutine that enters another is the current one again afterwards', () => {
    const log: string[] = []
    const name = () => Coroutine.self?.name ?? 'none'
    const inner = new Coroutine(
      function* () {
        log.push(name())
        yield
        log.push(name())
      },
      { name: 'inner' },
    )
    const outer = new Coroutine(
      function* () {
        inner.enter()
        log.push(name())
        yield
        inner.enter()
        log.push(name())
      },
      { name: 'outer' },
    )
    outer.enter()
    outer.enter()
    expect(log).toEqual(['inner', 'outer', 'inner', 'outer'])
    expect([name(), inner.done, outer.done]).toEqual(['none', true, true])
  })

  test('C1: one that runs, or waits for one that it entered, cannot be entered', () => {
    const tried: unknown[] = []
    const attempt = (f: () => void) => {
      try {
        f()
      } catch (error) {
        tried.push((error as { code: string }).code)
      }
    }
    const inner = new Coroutine(function* () {
      attempt(() => outer.enter())
      attempt(() => coWake(outer))
    })
    const outer: Coroutine<void> = new Coroutine(function* () {
      attempt(() => outer.enter())
      attempt(() => coWake(outer))
      inner.enter()
    })
    outer.enter()
    expect(tried).toEqual(Array(4).fill('ERR_AIO_CO_RUNNING'))
    expect(() => outer.enter()).toThrow(code('ERR_AIO_CO_ENDED'))
    expect(() => coWake(inner)).toThrow(code('ERR_AIO_CO_ENDED'))
  })

  test('C2: what a coroutine wakes runs when it yields or ends, in order and depth first', () => {
    const log: string[] = []
    const sleeper = (name: string, wakes: Coroutine<unknown>[] = []) => {
      const co = new Coroutine(
        function* () {
          yield
          log.push(name)
          for (const other of wakes) coWake(other)
          log.push(`${name}.`)
        },
        { name },
      )
      co.enter()
      return co
    }
    const c = sleeper('c')
    const d = sleeper('d')
    const a = sleeper('a', [c, d])
    const b = sleeper('b')
    new Coroutine(function* () {
      coWake(a)
      coWake(b)
      expect(() => coWake(a)).toThrow(code('ERR_AIO_CO_SCHEDULED'))
      expect(() => a.enter()).toThrow(code('ERR_AIO_CO_SCHEDULED'))
      log.push('waker')
    }).enter()
    expect(log).toEqual(['waker', 'a', 'a.', 'c', 'c.', 'd', 'd.', 'b', 'b.'])
  })

  test('C1: only a coroutine can wait', () => {
    const outside: Co<void>[] = [coYield(), coJoin(new Coroutine(function* () {}))]
    for (const co of outside) expect(() => co.next()).toThrow(code('ERR_AIO_NO_COROUTINE'))
  })

  test('X2: yield instead of yield* is an error at that place', () => {
    const co = new Coroutine(function* () {
      try {
        yield coYield()
      } catch (error) {
        return error
      }
      return null
    })
    co.enter()
    expect(co.result).toEqual(code('ERR_AIO_CO_YIELD'))
  })

  test('X3: what is no body, no context and no coroutine is refused', () => {
    const bad = code('ERR_AIO_INVALID_ARG_TYPE')
    expect(() => new Coroutine(5 as never)).toThrow(bad)
    expect(() => new Coroutine(function* () {}, { name: 5 as never })).toThrow(bad)
    expect(() => new Coroutine(function* () {}).enter({} as never)).toThrow(bad)
    expect(() => coWake({} as never)).toThrow(bad)
    expect(() => coSchedule({} as never, new Coroutine(function* () {}))).toThrow(bad)
    const co = new Coroutine((() => 5) as never)
    void co.promise.catch(() => {})
    co.enter()
    expect(() => co.result).toThrow(bad)
  })

  test('a name is that of the option or of the body', () => {
    expect(new Coroutine(function* fetcher() {}).name).toBe('fetcher')
    expect(new Coroutine(function* fetcher() {}, { name: 'x' }).name).toBe('x')
    const odd = Object.defineProperty(function* () {}, 'name', { value: 5 })
    expect(new Coroutine(odd).name).toBe('anonymous')
  })
})

describe.each(monitors)('coroutines in a context with %s', (_, make) => {
  let ctx: AioContext
  beforeEach(() => {
    ctx = newContext(make)
  })
  afterEach(() => ctx.close())

  const logger = (log: string[]) => {
    const co = new Coroutine(function* () {
      for (let i = 0; ; i++) {
        log.push(`run ${i}`)
        yield
      }
    })
    return co
  }

  test('C2: coWake enters at once in a callback of the own context, from elsewhere in its next poll', () => {
    using other = newContext(make)
    const log: string[] = []
    const co = logger(log)
    co.enter(ctx)
    expect(co.ctx).toBe(ctx)
    coWake(co)
    expect(() => coWake(co)).toThrow(code('ERR_AIO_CO_SCHEDULED'))
    log.push('outside')
    ctx.poll(true)
    ctx.scheduleOneshot(() => {
      coWake(co)
      log.push('own')
    })
    ctx.poll(true)
    other.scheduleOneshot(() => {
      coWake(co)
      log.push('other')
    })
    other.poll(true)
    expect(other.poll(false)).toBe(false)
    ctx.poll(true)
    expect(log).toEqual(['run 0', 'outside', 'run 1', 'run 2', 'own', 'other', 'run 3'])
  })

  test('C1, B2: coSchedule enters in the next poll, in order, and once for each poll', () => {
    const log: string[] = []
    const body = (name: string) =>
      function* () {
        for (let i = 0; i < 2; i++) {
          log.push(name)
          coSchedule(ctx, Coroutine.self!)
          yield
        }
      }
    const cos = ['a', 'b', 'c'].map((name) => new Coroutine(body(name)))
    for (const co of cos) coSchedule(ctx, co)
    for (const co of cos) expect(() => coSchedule(ctx, co)).toThrow(code('ERR_AIO_CO_SCHEDULED'))
    expect(log).toEqual([])
    expect(ctx.poll(true)).toBe(true)
    expect(log).toEqual(['a', 'b', 'c'])
    ctx.poll(true)
    ctx.poll(true)
    expect(log.join('')).toBe('abcabc')
    expect(cos.every((co) => co.done)).toBe(true)
    expect(ctx.poll(false)).toBe(false)
  })

  test('B4: a nested poll enters those scheduled that its parent had not got to', () => {
    const log: string[] = []
    const first = new Coroutine(function* () {
      log.push('first')
      ctx.waitWhile(() => !second.done)
      log.push('first done')
    })
    const second = new Coroutine(function* () {
      log.push('second')
    })
    coSchedule(ctx, first)
    coSchedule(ctx, second)
    ctx.poll(true)
    expect(log).toEqual(['first', 'second', 'first done'])
    expect(ctx.poll(false)).toBe(false)
  })

  test('C1: one that scheduled itself and runs when its turn comes, or has ended by then, is an error', () => {
    const early = new Coroutine(function* () {
      coSchedule(ctx, early)
      expect(() => ctx.poll(true)).toThrow(code('ERR_AIO_CO_RUNNING'))
      coSchedule(ctx, early)
    })
    early.enter(ctx)
    expect(early.done).toBe(true)
    expect(() => ctx.poll(true)).toThrow(code('ERR_AIO_CO_ENDED'))
    expect(ctx.poll(false)).toBe(false)
  })

  test('A5: a poll in a body runs callbacks outside of it, and what they wake runs at once', () => {
    const log: string[] = []
    const other = new Coroutine(function* () {
      yield
      log.push('other')
    })
    other.enter(ctx)
    const co = new Coroutine(function* () {
      ctx.scheduleOneshot(() => {
        log.push(String(Coroutine.self))
        coWake(other)
      })
      ctx.waitWhile(() => !other.done)
      log.push(String(Coroutine.self === co))
    })
    co.enter(ctx)
    expect([log, co.done]).toEqual([['null', 'other', 'true'], true])
  })

  test('C1: coReschedule goes on in another context, and nowhere if it is there', () => {
    using other = newContext(make)
    const seen: (AioContext | null)[] = []
    const co = new Coroutine(function* () {
      yield* coReschedule(ctx)
      seen.push(AioContext.current)
      yield* coReschedule(other)
      seen.push(AioContext.current, co.ctx)
      yield* coReschedule(ctx)
      seen.push(AioContext.current)
    })
    co.enter(ctx)
    expect(seen).toEqual([null])
    expect(ctx.poll(false)).toBe(false)
    other.poll(true)
    expect(ctx.poll(false)).toBe(true)
    expect(seen).toEqual([null, other, other, ctx])
  })

  test('C1: without an argument a coroutine lives where it was entered', () => {
    const co = new Coroutine(function* () {})
    const parent = new Coroutine(function* () {
      const child = new Coroutine(function* () {})
      child.enter()
      return child.ctx
    })
    ctx.scheduleOneshot(() => co.enter())
    ctx.poll(true)
    parent.enter(ctx)
    expect([co.ctx, parent.result]).toEqual([ctx, ctx])
  })

  test('O1: what is scheduled is told to who listens', () => {
    const seen: unknown[] = []
    const listen = (message: unknown) => seen.push(message)
    subscribe('aiokit:aio_co_schedule', listen)
    const co = new Coroutine(function* () {})
    coSchedule(ctx, co)
    ctx.poll(true)
    unsubscribe('aiokit:aio_co_schedule', listen)
    expect(seen).toEqual([{ ctx, co }])
  })

  test('C4: synchronous code waits for a coroutine with waitWhile', () => {
    const co = new Coroutine(function* () {
      yield* coSleep(ctx, 1e5)
      return realtime.now()
    })
    const start = realtime.now()
    co.enter(ctx)
    ctx.waitWhile(() => !co.done)
    expect(co.result).toBeGreaterThanOrEqual(start + 1e5)
  })

  test('X3: a closed context enters nothing', () => {
    const gone = newContext(make)
    const co = new Coroutine(function* () {
      yield
    })
    co.enter(gone)
    const fresh = new Coroutine(function* () {})
    gone.close()
    expect(() => fresh.enter(gone)).toThrow(code('ERR_AIO_CLOSED'))
    expect(() => coSchedule(gone, fresh)).toThrow(code('ERR_AIO_CLOSED'))
    // It is told where it waits, whoever wakes it.
    coWake(co)
    expect(() => co.result).toThrow(code('ERR_AIO_CLOSED'))
  })
})
