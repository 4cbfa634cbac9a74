import type { AioContext } from '@aiokit/aio'
import { runScript } from '@aiokit/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Co, CoMutex, Coroutine, coJoin, coSchedule, coSleep, coTimeout, coWake } from '../src/index.ts'
import { code } from './code.ts'
import { monitors, newContext } from './monitors.ts'

function* failing(): Co<void> {
  yield
  throw new Error('lost')
}

describe.each(monitors)('errors of coroutines with %s', (_, make) => {
  let ctx: AioContext
  beforeEach(() => {
    ctx = newContext(make)
  })
  afterEach(() => ctx.close())

  const entered = <T>(body: () => Co<T>): Coroutine<T> => {
    const co = new Coroutine(body)
    co.enter(ctx)
    return co
  }

  test('C4, X1: an error that nobody waits for leaves the next poll, and not the call that woke the coroutine', () => {
    const log: string[] = []
    const co = entered(failing)
    const other = entered(failing)
    ctx.scheduleOneshot(() => {
      coWake(co)
      coWake(other)
      log.push('goes on')
    })
    ctx.scheduleOneshot(() => log.push('runs, too'))
    ctx.poll(true)
    expect([log, co.done]).toEqual([['goes on', 'runs, too'], true])
    expect(() => ctx.poll(true)).toThrow('lost')
    expect(() => ctx.poll(true)).toThrow('lost')
    expect(ctx.poll(false)).toBe(false)
  })

  test('C4: it comes once: not if somebody has asked for the result by then', () => {
    const co = entered(failing)
    co.enter()
    expect(() => co.result).toThrow('lost')
    expect(() => co.result).toThrow('lost')
    ctx.poll(false)
    expect(ctx.poll(false)).toBe(false)
  })

  test('C4: waiting for a coroutine that fails throws its error there, to each that waits', () => {
    const co = new Coroutine(failing)
    const waiting = [1, 2].map(() =>
      entered(function* () {
        try {
          yield* coJoin(co)
        } catch (error) {
          return (error as Error).message
        }
        return ''
      }),
    )
    co.enter(ctx)
    co.enter(ctx)
    const late = entered(() => coJoin(co))
    expect(waiting.map((each) => each.result)).toEqual(['lost', 'lost'])
    expect(() => late.result).toThrow('lost')
    expect(ctx.poll(false)).toBe(true)
    expect(ctx.poll(false)).toBe(false)
  })

  test('C4: coJoin returns what came of it, also when it has ended', () => {
    const co = new Coroutine(function* () {
      yield
      return 5
    })
    const before = entered(() => coJoin(co))
    co.enter(ctx)
    co.enter(ctx)
    expect([before.result, entered(() => coJoin(co)).result]).toEqual([5, 5])
  })

  test('C4: one that gives up waiting has not waited', () => {
    const co = entered(failing)
    const waiting = entered(() => coJoin(co))
    waiting.cancel()
    ctx.poll(false)
    expect(waiting.done).toBe(true)
    coWake(co)
    ctx.poll(true)
    expect(() => ctx.poll(true)).toThrow('lost')
  })

  test('C4: an error that came before its waiter could be cut short is not lost', () => {
    const co = entered(failing)
    const waiting = entered(() => coTimeout(ctx, 1e12, coJoin(co)))
    entered(function* () {
      co.enter()
      waiting.cancel()
    })
    expect(() => waiting.result).toThrow('lost')
  })

  test('C1: waiting for oneself is an error', () => {
    const co: Coroutine<unknown> = new Coroutine(() => coJoin(co))
    co.enter()
    expect(() => co.result).toThrow(code('ERR_AIO_CO_DEADLOCK'))
  })

  test('C4: the promise has the result or the error, asked for before or after', async () => {
    const good = new Coroutine(function* () {
      yield
      return 3
    })
    const bad = new Coroutine(failing)
    const promises = [good.promise, bad.promise]
    expect(good.promise).toBe(promises[0])
    for (const co of [good, bad]) {
      co.enter(ctx)
      co.enter(ctx)
    }
    await expect(promises[0]).resolves.toBe(3)
    await expect(promises[1]).rejects.toThrow('lost')
    const late = entered(failing)
    late.enter()
    await expect(late.promise).rejects.toThrow('lost')
    expect(ctx.poll(false)).toBe(true)
    expect(ctx.poll(false)).toBe(false)
  })

  test('C3: ending with a lock held is an error', () => {
    const mutex = new CoMutex()
    const co = entered(() => mutex.lock())
    expect(() => co.result).toThrow(code('ERR_AIO_CO_LOCKS_HELD'))
  })

  test('X4: closing the context throws what nobody has heard', () => {
    const gone = newContext(make)
    const co = new Coroutine(failing)
    co.enter(gone)
    co.enter(gone)
    expect(() => gone.close()).toThrow('lost')
  })

  test('X4: closing the context cancels who sleeps, who has a deadline and who is scheduled; they clear up', async () => {
    const gone = newContext(make)
    const mutex = new CoMutex()
    const log: string[] = []
    const body = (wait: () => Co<void>) =>
      function* () {
        try {
          yield* wait()
        } finally {
          log.push('cleared up')
        }
      }
    const holder = entered(function* () {
      yield* mutex.lock()
      yield
      mutex.unlock()
    })
    const cos = [
      body(() => coSleep(gone, 1e12)),
      body(() => coTimeout(gone, 1e12, mutex.lock())),
      body(function* () {
        coSchedule(gone, Coroutine.self!)
        yield
      }),
    ].map((each) => {
      const co = new Coroutine(each)
      co.enter(gone)
      return co
    })
    const never = new Coroutine(function* () {
      log.push('not run')
    })
    coSchedule(gone, never)
    gone.close()
    expect(log).toEqual(Array(3).fill('cleared up'))
    // None of them is an error that nobody heard.
    await new Promise((resolve) => setImmediate(resolve))
    for (const co of [...cos, never]) expect(() => co.result).toThrow(code('ERR_AIO_CLOSED'))
    holder.enter()
    expect([holder.done, mutex.locked]).toEqual([true, false])
  })

  test('X6: contexts with coroutines come and go, and nothing is kept or warned of', () => {
    for (let i = 0; i < 50; i++) {
      const brief = newContext(make)
      const co = new Coroutine(function* () {
        yield* coSleep(brief, 1)
      })
      coSchedule(brief, co)
      brief.waitWhile(() => !co.done)
      brief.close()
    }
  })
})

test('C4: without a context an error that nobody waits for is an uncaughtException', () => {
  const script = `
    import { Coroutine } from '@aiokit/coroutine'
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    const co = new Coroutine(function* () { throw new Error('lost') })
    co.enter()
    console.log('entered', co.done)
    const seen = new Coroutine(function* () { throw new Error('seen') })
    seen.enter()
    try { seen.result } catch {}`
  const { stdout } = runScript(script, { cwd: new URL('..', import.meta.url).pathname })
  expect(stdout).toBe('entered true\nuncaught lost\n')
})

test('C4: a body that overflows the stack fails, and the one that called it can go on', () => {
  const deep = (): number => deep() + 1
  const co = new Coroutine(function* () {
    const inner = new Coroutine(function* () {
      return deep()
    })
    inner.enter()
    try {
      yield* coJoin(inner)
    } catch (error) {
      return error
    }
    return null
  })
  co.enter()
  expect(co.result).toBeInstanceOf(RangeError)
  expect(Coroutine.self).toBe(null)
})
