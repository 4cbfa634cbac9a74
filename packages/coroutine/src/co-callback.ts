import type { Co } from './co.ts'
import { WAITING } from './flags.ts'
import { requireSelf, wake } from './switch.ts'

/**
 * Waits for something that ends in a callback, and returns what the callback was given: `begin` starts it and passes
 * `done` on, which is to be called once, from anywhere in the thread. `begin` returns a function that asks for an early end.
 *
 * If the coroutine is cut short meanwhile that function is called, and the end is waited for all the same: what was begun
 * may be writing to memory of the coroutine's. Then the interruption goes on, and what came in spite of it is for `drop`.
 *
 * @throws what `begin` throws; `ERR_AIO_NO_COROUTINE`
 */
export function* coCallback<T>(
  begin: (done: (value: T) => void) => () => void,
  drop?: (value: T) => void,
): Co<T> {
  const co = requireSelf()
  let isPending = true
  let result: T
  const cancel = begin((value) => {
    if (!isPending) return
    isPending = false
    result = value
    wake(co)
  })
  if (!isPending) return result!
  let through = false
  co.flags |= WAITING
  try {
    do yield
    while (isPending)
    through = true
  } finally {
    if (!through) {
      co.flags &= ~WAITING
      if (isPending) {
        cancel()
        co.shields++
        try {
          while (isPending) {
            co.flags |= WAITING
            yield
          }
        } finally {
          co.flags &= ~WAITING
          co.shields--
        }
      }
      drop?.(result!)
    }
  }
  return result!
}
