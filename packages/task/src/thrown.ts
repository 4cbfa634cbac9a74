import { inspect } from 'node:util'

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

const KINDS: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** Causes of causes that are sent. */
const MAX_DEPTH = 8

/** What was thrown, in a form that can be sent for sure. */
export function packThrown(thrown: unknown, depth: number = 0): ThrownMessage {
  if (!(thrown instanceof Error)) return { value: cloneable(thrown) ? thrown : inspect(thrown) }
  const properties: Record<string, unknown> = {}
  for (const key of Object.keys(thrown)) {
    const value = (thrown as unknown as Record<string, unknown>)[key]
    if (key !== 'cause' && key !== 'errors' && cloneable(value)) properties[key] = value
  }
  const more = depth < MAX_DEPTH
  return {
    name: thrown.name,
    message: thrown.message,
    stack: thrown.stack,
    properties,
    ...('cause' in thrown && more ? { cause: packThrown(thrown.cause, depth + 1) } : {}),
    ...(thrown instanceof AggregateError && more
      ? { errors: thrown.errors.map((error) => packThrown(error, depth + 1)) }
      : {}),
  }
}

/** What was thrown, as good as it was: name, message, stack (of the other thread), code, cause and other properties. */
export function unpackThrown(message: ThrownMessage): unknown {
  if ('value' in message) return message.value
  const errors = message.errors?.map(unpackThrown)
  const error =
    errors === undefined
      ? new (KINDS[message.name] ?? Error)(message.message)
      : new AggregateError(errors, message.message)
  const hidden = { enumerable: false, configurable: true, writable: true }
  if (error.name !== message.name) Object.defineProperty(error, 'name', { ...hidden, value: message.name })
  if (message.stack !== undefined) Object.defineProperty(error, 'stack', { ...hidden, value: message.stack })
  if (message.cause !== undefined) {
    Object.defineProperty(error, 'cause', { ...hidden, value: unpackThrown(message.cause) })
  }
  return Object.assign(error, message.properties)
}

function cloneable(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
