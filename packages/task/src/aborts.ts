import { aioTypeError, describe } from '@aiokit/errors'

/** What a signal may end. */
export interface Abortable {
  /** @param reason the signal's; never null, though a signal's can be */
  aborted(reason: unknown): void
}

/** All that one signal may end, heard of by one listener: Node warns of more than ten, and finding each takes its time. */
class Listener {
  readonly #signal: AbortSignal
  readonly all: Set<Abortable> = new Set<Abortable>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#abort)
  }

  end(): void {
    listeners.delete(this.#signal)
    this.#signal.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => {
    const reason = abortReason(this.#signal)
    for (const one of this.all) one.aborted(reason)
    this.end()
  }
}

const listeners = new WeakMap<AbortSignal, Listener>()

/** Until `forgetAbort`, which is to be called when `one` has ended: signals live long. */
export function listenForAbort(signal: AbortSignal, one: Abortable): void {
  let listener = listeners.get(signal)
  if (listener === undefined) {
    listener = new Listener(signal)
    listeners.set(signal, listener)
  }
  listener.all.add(one)
}

/** Nothing if it was aborted. */
export function forgetAbort(signal: AbortSignal, one: Abortable): void {
  const listener = listeners.get(signal)
  if (listener?.all.delete(one) && listener.all.size === 0) listener.end()
}

/** What to fail with because of a signal that is aborted. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError')
}

/**
 * An option that is an AbortSignal, or undefined.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`
 */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"options.signal" must be an AbortSignal. Received ${describe(signal)}.`,
  )
}

/**
 * The same, for what is not begun if it is aborted.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`; the reason of a signal that is aborted already
 */
export function requireSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (checkSignal(signal)?.aborted) throw abortReason(signal!)
  return signal
}
