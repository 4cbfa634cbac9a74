import { type Co, Coroutine, coWake, coYield } from '@aiokit/coroutine'
import { aioError } from '@aiokit/errors'
import type { Done, PoolRequest } from './pool-request.ts'

/**
 * Waits in a coroutine for the request that `submit` makes. If the coroutine is cancelled meanwhile, so is the request, as
 * far as it can be.
 *
 * @throws `ERR_AIO_CO_NOT_INSIDE` outside a coroutine; what `submit` throws; the error of the request
 */
export function* coRequest<R>(submit: (done: Done<R>) => PoolRequest): Co<R> {
  const self = Coroutine.self
  if (self === null) {
    throw aioError(
      'ERR_AIO_CO_NOT_INSIDE',
      'submitCo() is for coroutines: use submit() or submitAio() elsewhere.',
    )
  }
  let outcome: { error: Error | null; result: R | undefined } | null = null
  let abandoned = false
  const request = submit((error, result) => {
    outcome = { error, result }
    if (!abandoned) coWake(self)
  })
  try {
    while (outcome === null) yield* coYield()
  } catch (error) {
    abandoned = true
    request.cancelAsync()
    throw error
  }
  const { error, result } = outcome as { error: Error | null; result: R | undefined }
  if (error !== null) throw error
  return result as R
}
