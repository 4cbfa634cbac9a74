import { inspect, types } from 'node:util'

/** An error, or what else was thrown, so that it can be sent: a clone of an Error forgets its code. */
export type ThrownMessage = { readonly value: unknown } | ErrorMessage

interface ErrorMessage {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly properties: Readonly<Record<string, unknown>>
  readonly cause?: ThrownMessage
  readonly errors?: readonly ThrownMessage[]
}

const KINDS: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((kind) => [kind.name, kind]),
)

/** Errors that are sent with one, as causes and as parts: they may go in circles. */
const MAX_MORE = 64

/** What was thrown, in a form that can be sent for sure, whatever it is. */
export function packThrown(thrown: unknown): ThrownMessage {
  let more = MAX_MORE
  const pack = (value: unknown): ThrownMessage => {
    try {
      return packOne(value, (part) => (more-- > 0 ? pack(part) : { value: '(and more)' }))
    } catch {
      // Its own getters or proxies throw.
      return { value: 'an error of which nothing can be said' }
    }
  }
  return pack(thrown)
}

function packOne(thrown: unknown, pack: (part: unknown) => ThrownMessage): ThrownMessage {
  if (!(thrown instanceof Error || types.isNativeError(thrown))) {
    return tryToClone(thrown) ?? { value: inspect(thrown) }
  }
  const error = thrown as Error & { code?: unknown; errors?: unknown }
  const properties: Record<string, unknown> = {}
  // The code of some is a getter of their class.
  for (const key of new Set([...Object.keys(error), ...(error.code === undefined ? [] : ['code'])])) {
    if (key === 'cause' || key === 'errors') continue
    const clone = tryToClone(error[key as keyof typeof error])
    if (clone !== null) properties[key] = clone.value
  }
  return {
    name: String(error.name),
    message: String(error.message),
    stack: typeof error.stack === 'string' ? error.stack : undefined,
    properties,
    ...('cause' in error ? { cause: pack(error.cause) } : {}),
    ...(Array.isArray(error.errors) ? { errors: error.errors.map(pack) } : {}),
  }
}

/** What was thrown, as good as it was: name, message, stack (of the other thread), code, cause and other properties. */
export function unpackThrown(message: ThrownMessage): unknown {
  if ('value' in message) return message.value
  const errors = message.errors?.map(unpackThrown)
  const error =
    errors === undefined
      ? new (KINDS.get(message.name) ?? Error)(message.message)
      : new AggregateError(errors, message.message)
  const hidden = { enumerable: false, configurable: true, writable: true }
  if (error.name !== message.name) Object.defineProperty(error, 'name', { ...hidden, value: message.name })
  if (message.stack !== undefined) Object.defineProperty(error, 'stack', { ...hidden, value: message.stack })
  if (message.cause !== undefined) {
    Object.defineProperty(error, 'cause', { ...hidden, value: unpackThrown(message.cause) })
  }
  for (const [key, value] of Object.entries(message.properties)) {
    Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return error
}

/** It is the clone that is sent: the next one may fail, of a value whose getters do not give the same twice. */
function tryToClone(value: unknown): { readonly value: unknown } | null {
  try {
    return { value: structuredClone(value) }
  } catch {
    return null
  }
}
