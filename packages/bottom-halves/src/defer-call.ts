import { call } from '@aiokit/callback'
import { aioError, requireFunction } from '@aiokit/errors'

// One set for each thread: a section belongs to what this thread is doing, whatever context it works for.
let depth = 0
const deferred: Set<() => void> = new Set<() => void>()

/**
 * Calls `fn` once when the outermost deferring section ends, however often it was asked for; outside any section, at
 * once (rule B10). For work that is cheaper done once for a batch, such as telling the other side that there is news.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`; outside a section what `fn` throws
 */
export function deferCall(fn: () => void): void {
  requireFunction(fn, 'fn')
  if (depth === 0) fn()
  else deferred.add(fn)
}

/** Enters a deferring section. Each needs a `deferCallEnd()`, in a `finally`; they nest. */
export function deferCallBegin(): void {
  depth++
}

/**
 * Leaves a deferring section; the end of the outermost calls what was deferred, in the order in which it was asked
 * for first. Every function is called even if one throws.
 *
 * @throws what a function threw; an AggregateError if several did; `ERR_AIO_NOT_DEFERRING` outside a section
 */
export function deferCallEnd(): void {
  if (depth === 0) {
    throw aioError('ERR_AIO_NOT_DEFERRING', 'deferCallEnd() without deferCallBegin(): call them in pairs.')
  }
  if (--depth > 0 || deferred.size === 0) return
  const calls = [...deferred]
  deferred.clear()
  const errors: unknown[] = []
  for (const fn of calls) {
    try {
      call(fn, undefined, null, 'deferred call')
    } catch (error) {
      // One for all of them is one: a loop that leaves its callbacks for later throws the same from each.
      if (!errors.includes(error)) errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} deferred calls failed`)
}
