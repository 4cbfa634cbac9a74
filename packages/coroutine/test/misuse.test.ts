import type { AioContext } from '@aiokit/aio'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Co, Coroutine, coReschedule, coSchedule, coShield, coTimeout, coYield } from '../src/index.ts'
import { code } from './code.ts'
import { newContext } from './monitors.ts'

let ctx: AioContext
let other: AioContext
beforeEach(() => {
  ctx = newContext(epollMonitor)
  other = newContext(epollMonitor)
})
afterEach(() => {
  ctx.close()
  other.close()
})

const wrong = 'ERR_AIO_INVALID_ARG_TYPE'

test.each([
  ['a generator function', function* () {}],
  ['a promise', Promise.resolve()],
  ['nothing', undefined],
  ['an array', [1]],
  ['a string', 'text'],
  ['an async generator', (async function* () {})()],
])('X3: %s is no body to shield or to give a deadline', (_, body) => {
  for (const wait of [(co: Co<void>) => coShield(co), (co: Co<void>) => coTimeout(ctx, 1e9, co)]) {
    const co = new Coroutine(() => wait(body as never))
    co.enter(ctx)
    expect(co.done).toBe(true)
    expect(() => co.result).toThrow(code(wrong))
  }
})

test('X3: a body that is an async generator function is refused and does not wait for ever', () => {
  const co = new Coroutine(async function* () {} as never)
  co.enter(ctx)
  expect(() => co.result).toThrow(code(wrong))
})

test('X3: entering on what is no context is refused, null included, and changes nothing', () => {
  const co = new Coroutine(coYield)
  for (const none of [null, 5, {}]) expect(() => co.enter(none as never)).toThrow(code(wrong))
  expect([co.ctx, co.done]).toEqual([null, false])
})

test('C1: one that has scheduled itself cannot move elsewhere, and those in line stay there', () => {
  const log: string[] = []
  const named = (name: string, home: AioContext): void => {
    const co = new Coroutine(function* () {
      yield* coYield()
      log.push(name)
    })
    co.enter(home)
    coSchedule(home, co)
  }
  const mover = new Coroutine(function* () {
    coSchedule(ctx, Coroutine.self!)
    try {
      yield* coReschedule(other)
    } finally {
      yield* coYield()
      log.push('mover')
    }
  })
  mover.enter(ctx)
  named('first', ctx)
  named('second', other)
  ctx.poll(true)
  other.poll(true)
  expect(log).toEqual(['mover', 'first', 'second'])
  expect(() => mover.result).toThrow(code('ERR_AIO_CO_SCHEDULED'))
})
