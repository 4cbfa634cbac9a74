import type { AioContext } from '@aiokit/aio'
import { type Co, coCallback } from '@aiokit/coroutine'
import { requireObject } from '@aiokit/errors'
import { close, ECANCELED, SystemError } from '@aiokit/sys'
import { type Abortable, forgetAbort, listenForAbort, requireSignal } from '@aiokit/task'
import { type AioIoOptions, CallbackIo } from './callback-io.ts'
import type { IoCoroutines } from './io-coroutines.ts'
import type { IoOptions, IoPromises } from './io-promises.ts'
import * as op from './opcodes.ts'
import { type Operation, Waiter } from './operation.ts'

/** A method that ends in `...Aio`, or what is made of it. */
type Method = (this: CallbackIo, ...args: unknown[]) => unknown

// What the executor of the next promise is given: one function for all of them.
let resolveNext: (res: number) => void
let rejectNext: (error: unknown) => void
const executor = (resolve: (res: number) => void, reject: (error: unknown) => void): void => {
  resolveNext = resolve
  rejectNext = reject
}

/** A promise of how an operation ends. */
class Promised extends Waiter implements Abortable {
  readonly promise: Promise<number> = new Promise(executor)
  readonly #resolve: (res: number) => void = resolveNext
  readonly reject: (error: unknown) => void = rejectNext
  #operation: Operation | null = null
  #signal: AbortSignal | null = null
  /** The signal's, if it was aborted. */
  #reason: unknown = null

  listen(operation: Operation, signal: AbortSignal): void {
    this.#operation = operation
    this.#signal = signal
    listenForAbort(signal, this)
  }

  aborted(reason: unknown): void {
    this.#reason = reason
    this.#operation!.cancel()
  }

  ended(operation: Operation, res: number): void {
    if (this.#signal !== null) forgetAbort(this.#signal, this)
    if (res >= 0) this.#resolve(res)
    else this.reject(res === -ECANCELED && this.#reason !== null ? this.#reason : errorOf(operation, res))
  }
}

/** `read` of `readAio`, and so on: options in the place of the callback, and a promise. It never throws. */
function promiseForm(start: Method): Method {
  const last = start.length - 1
  return function (...args) {
    const waiter = new Promised()
    try {
      const options = args[last]
      const signal = options === undefined ? undefined : signalOf(options)
      args[last] = waiter
      const operation = start.apply(this, args) as Operation
      if (signal !== undefined) waiter.listen(operation, signal)
    } catch (error) {
      waiter.reject(error)
    }
    return waiter.promise
  }
}

/** `readCo` of `readAio`, and so on: without the callback. */
function coroutineForm(start: Method): Method {
  const last = start.length - 1
  return function* (...args): Co<number> {
    let operation!: Operation
    const begin = (done: (res: number) => void) => {
      args[last] = done
      operation = start.apply(this, args) as Operation
      return () => operation.cancel()
    }
    const res = yield* coCallback(begin, (res) => drop(operation, res))
    if (res < 0) throw errorOf(operation, res)
    return res
  }
}

/** Nobody takes what came: a descriptor would stay open for ever. */
function drop({ kind }: Operation, res: number): void {
  if (res >= 0 && (kind === op.OPENAT || kind === op.ACCEPT)) close(res)
}

function errorOf({ name, path }: Operation, res: number): SystemError {
  const error = new SystemError(res, name, path === '' ? '' : `'${path}'`)
  return path === '' ? error : Object.assign(error, { path })
}

function signalOf(options: unknown): AbortSignal | undefined {
  return requireSignal(requireObject(options as IoOptions, 'options').signal)
}

/** A class with every operation in three forms: all others are made of the one that calls back. */
export const Forms: new (ctx: AioContext, options?: AioIoOptions) => CallbackIo & IoPromises & IoCoroutines =
  class extends CallbackIo {} as never

for (const name of Object.getOwnPropertyNames(CallbackIo.prototype)) {
  if (!name.endsWith('Aio')) continue
  const start = (CallbackIo.prototype as never)[name] as Method
  const plain = name.slice(0, -'Aio'.length)
  for (const [form, value] of [
    [plain, promiseForm(start)],
    [`${plain}Co`, coroutineForm(start)],
  ] as const) {
    Object.defineProperty(value, 'name', { value: form })
    Object.defineProperty(Forms.prototype, form, { value, writable: true, configurable: true })
  }
}
