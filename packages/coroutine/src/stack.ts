import type { Coroutine } from './coroutine.ts'
import { tooDeep } from './misuse.ts'

/**
 * What there has to be for a body, and for the `finally` blocks of whoever is told that there is no more: 96 KiB, since V8
 * compiles no function when there are less than 40.
 */
const ROOM: readonly number[] = new Array(12_288).fill(0)

const take = (): void => {}

/** @throws `ERR_AIO_CO_TOO_DEEP` if the stack is nearly full, which is when `co` cannot be entered and nothing has happened */
export function requireRoom(co: Coroutine<unknown>): void {
  try {
    // All of it is put on the stack, or nothing, in some microseconds.
    take.apply(null, ROOM as unknown as [])
  } catch {
    throw tooDeep(co)
  }
}

/** Whether the stack was full. */
export function isOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded'
}
