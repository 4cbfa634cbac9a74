import { QTailQ } from '@aiokit/qlist'
import type { Co } from './co.ts'
import { Coroutine } from './coroutine.ts'
import { WAITING } from './flags.ts'
import { deadlock, requireCoroutine } from './misuse.ts'
import { requireSelf } from './switch.ts'

/**
 * Waits for the end of `co` and returns what it returned. It has to be entered by somebody.
 *
 * @throws what it threw (rule C4); `ERR_AIO_CO_DEADLOCK` for the calling coroutine itself; `ERR_AIO_NO_COROUTINE`,
 *   `ERR_AIO_INVALID_ARG_TYPE`
 */
export function* coJoin<T>(co: Coroutine<T>): Co<T> {
  requireCoroutine(co, Coroutine)
  const self = requireSelf()
  if (co === self) throw deadlock('A coroutine cannot wait for its own end: join it in another one.')
  if (!co.done) {
    co.joiners ??= new QTailQ<Coroutine<unknown>>()
    co.joiners.insertTail(self.waitLink)
    self.flags |= WAITING
    let through = false
    try {
      do yield
      while (!co.done)
      through = true
    } finally {
      if (!through) leave(co, self)
    }
  }
  return co.result
}

function leave(co: Coroutine<unknown>, self: Coroutine<unknown>): void {
  self.flags &= ~WAITING
  if (!co.done) co.joiners!.remove(self.waitLink)
  // It ended before the interruption got here, and counts on being heard: its error comes first.
  else co.throwIfFailed()
}
