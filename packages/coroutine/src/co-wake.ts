import type { AioContext } from '@aiokit/aio'
import { Coroutine } from './coroutine.ts'
import { RUNNING } from './flags.ts'
import { homeOf } from './home.ts'
import { requireCoroutine } from './misuse.ts'
import { self, wake } from './switch.ts'

/**
 * Makes `co` go on, which has yielded: from a callback of its own context at once, from inside a coroutine of that context
 * when that one yields or ends, from anywhere else in the next poll of its context (rule C2).
 *
 * @throws as `Coroutine.enter`
 */
export function coWake(co: Coroutine<unknown>): void {
  requireCoroutine(co, Coroutine)
  if (co.claim()) wake(co)
}

/**
 * Enters `co` from a bottom half of `ctx`, where it lives from then on. A coroutine may do that for itself and then yield.
 *
 * @throws as `Coroutine.enter`
 */
export function coSchedule(ctx: AioContext, co: Coroutine<unknown>): void {
  requireCoroutine(co, Coroutine)
  const home = homeOf(ctx)
  if ((co.flags === RUNNING && co === self()) || co.claim()) home.schedule(co)
}
