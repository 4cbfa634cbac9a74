import type { AioContext } from '@aiokit/aio'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Co, CoMutex, Coroutine, coShield, coSleep, coYield } from '../src/index.ts'
import { code } from './code.ts'
import { monitors, newContext } from './monitors.ts'

describe.each(monitors)('shielded coroutines of a context that closes, with %s', (_, make) => {
  let ctx: AioContext
  let other: AioContext
  beforeEach(() => {
    ctx = newContext(make)
    other = newContext(make)
  })
  afterEach(() => {
    ctx.close()
    other.close()
  })

  test('X4: one that sleeps is cancelled nevertheless, because the timer will never fire', () => {
    const log: unknown[] = []
    const co = new Coroutine(function* () {
      yield* coShield(
        (function* (): Co<void> {
          try {
            yield* coSleep(ctx, 1e15)
          } catch (error) {
            log.push(error)
          }
          // What it was cancelled with before is kept back for longer.
          yield* coYield()
          log.push('woken')
        })(),
      )
      yield* coYield()
    })
    co.enter(ctx)
    co.cancel('before')
    ctx.close()
    expect([log, co.done]).toEqual([[code('ERR_AIO_CLOSED')], false])
    co.enter()
    expect([log.at(-1), co.done]).toEqual(['woken', true])
    expect(() => co.result).toThrow('before')
  })

  test('X4: one that was given a lock and has not run since runs, and gives it back', () => {
    const mutex = new CoMutex()
    const log: string[] = []
    const holder = new Coroutine(function* () {
      yield* mutex.lock()
      yield* coYield()
      mutex.unlock()
    })
    holder.enter(other)
    const co = new Coroutine(function* () {
      yield* coShield(mutex.lock())
      log.push('has it')
      mutex.unlock()
      yield* coYield()
    })
    co.enter(ctx)
    holder.enter(other)
    expect(mutex.holder).toBe(co)
    ctx.close()
    expect([log, mutex.locked, co.done]).toEqual([['has it'], false, true])
    expect(() => co.result).toThrow(code('ERR_AIO_CLOSED'))
  })
})
