import type { AioContext } from '@aiokit/aio'
import type { Co } from './co.ts'
import { coSchedule } from './co-wake.ts'
import { homeOf } from './home.ts'
import { requireCo } from './misuse.ts'
import { requireSelf } from './switch.ts'

/**
 * Hands back to whoever entered the coroutine, until somebody enters or wakes it again.
 *
 * @throws `ERR_AIO_NO_COROUTINE`; what the coroutine is interrupted with, as everything does that waits
 */
export function* coYield(): Co<void> {
  requireSelf()
  yield
}

/**
 * Goes on in `ctx`, another context of the same thread, from a bottom half of it. Nothing if it is there already.
 *
 * @throws `ERR_AIO_NO_COROUTINE`, `ERR_AIO_CLOSED`, `ERR_AIO_INVALID_ARG_TYPE`; `ERR_AIO_CO_SCHEDULED` if it has
 *   scheduled itself already
 */
export function* coReschedule(ctx: AioContext): Co<void> {
  const co = requireSelf()
  if (co.home === homeOf(ctx)) return
  coSchedule(ctx, co)
  yield
}

/**
 * Runs `body` to its end whatever happens: cancellation and deadlines that come meanwhile are thrown where the coroutine
 * waits next. For what must not be left half done, such as memory that somebody else is writing to.
 *
 * @throws what `body` throws; `ERR_AIO_NO_COROUTINE`, `ERR_AIO_INVALID_ARG_TYPE`
 */
export function* coShield<T>(body: Co<T>): Co<T> {
  requireCo(body)
  const co = requireSelf()
  co.shields++
  try {
    return yield* body
  } finally {
    co.shields--
  }
}
