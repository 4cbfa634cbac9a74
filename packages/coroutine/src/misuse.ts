import { AioContext } from '@aiokit/aio'
import { aioError, aioTypeError, describe } from '@aiokit/errors'
import type { Co } from './co.ts'
import type { Coroutine } from './coroutine.ts'
import { ENDED, QUEUED, RUNNING, SCHEDULED } from './flags.ts'

/** Why a coroutine that does something else cannot be entered (rule C1). */
export function cannotEnter(co: Coroutine<unknown>): Error {
  const { flags, name } = co
  if (flags & ENDED)
    return aioError(
      'ERR_AIO_CO_ENDED',
      `Coroutine "${name}" has ended: make a new one to run the body again.`,
    )
  if (flags & (QUEUED | SCHEDULED)) {
    return aioError(
      'ERR_AIO_CO_SCHEDULED',
      `Coroutine "${name}" was woken or scheduled already and has not run yet: wake it once for each time it yields.`,
    )
  }
  if (flags & RUNNING) {
    return aioError(
      'ERR_AIO_CO_RUNNING',
      `Coroutine "${name}" is running, or waits for one that it entered itself: wake it when it has yielded, or let it call coSchedule() for itself before it yields.`,
    )
  }
  return aioError(
    'ERR_AIO_CO_WAITING',
    `Coroutine "${name}" waits for a lock, a time or the like, which wakes it: use co.cancel() to end that, or a CoSleep that can be woken early.`,
  )
}

export function tooDeep(co: Coroutine<unknown>): Error {
  return aioError(
    'ERR_AIO_CO_TOO_DEEP',
    `Coroutine "${co.name}" cannot be entered: the stack is nearly full, of coroutines that have entered one another. Let coSchedule(ctx, co) enter it, from a bottom half.`,
  )
}

export function notInCoroutine(): Error {
  return aioError(
    'ERR_AIO_NO_COROUTINE',
    'Only a coroutine can wait: run this with yield* in the body of a Coroutine that was entered.',
  )
}

/** A value came out of the body: `yield` was written for `yield*`. */
export function yielded(co: Coroutine<unknown>, value: unknown): Error {
  return aioTypeError(
    'ERR_AIO_CO_YIELD',
    `Coroutine "${co.name}" yielded ${describe(value)}: write yield* for what waits, yield* coAwait(...) for a promise, and yield* coYield() to hand back.`,
  )
}

export function contextClosed(ctx: AioContext): Error {
  return aioError(
    'ERR_AIO_CLOSED',
    `Context "${ctx.name}" is closed and enters no coroutines any more: use one that is open.`,
  )
}

export function notHeld(what: string): Error {
  return aioError(
    'ERR_AIO_CO_NOT_HELD',
    `${what} is not held by the coroutine that runs: unlock it once for each time it was locked, in the same coroutine.`,
  )
}

export function deadlock(message: string): Error {
  return aioError('ERR_AIO_CO_DEADLOCK', message)
}

export function requireCoroutine<T>(co: Coroutine<T>, kind: abstract new (...args: never[]) => object): void {
  if (co instanceof kind) return
  throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"co" must be a Coroutine. Received ${describe(co)}.`)
}

export function requireContext(ctx: AioContext): AioContext {
  if (ctx instanceof AioContext) return ctx
  throw aioTypeError('ERR_AIO_INVALID_ARG_TYPE', `"ctx" must be an AioContext. Received ${describe(ctx)}.`)
}

/** Whether `yield*` can run it. What an `async function*` returns it cannot, though that has the same methods. */
export function isCo(value: Co<unknown>): boolean {
  return (
    typeof value?.next === 'function' &&
    typeof value.throw === 'function' &&
    typeof value[Symbol.iterator] === 'function'
  )
}

export function requireCo<T>(body: Co<T>): Co<T> {
  if (isCo(body)) return body
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"body" must be what a generator function returns, such as mutex.lock(), and no function. Received ${describe(body)}.`,
  )
}
