import { type AioErrorCode, aioError, aioTypeError, describe } from '@aiokit/errors'
import type { ListIdentity } from './list-identity.ts'
import { ListLink } from './list-link.ts'

// The lists compare one field and come here only if it differs, so that good use pays one comparison. They read the
// field with `?.` although the types exclude null: what is no link at all then comes here as well.

function misuse(link: unknown, code: AioErrorCode, message: string): Error {
  if (link instanceof ListLink) return aioError(code, message)
  return aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `Pass the ListLink of the element. Received ${describe(link)}.`,
  )
}

/** The link was to be inserted and is on a list, or is no link. */
export function notFree(link: unknown): Error {
  return misuse(
    link,
    'ERR_AIO_LINK_INSERTED',
    'The link is on a list already: remove it first, or give the element another link to be on two lists.',
  )
}

/** The link was to be on this list and is not, or is no link. */
export function notOnList(link: unknown): Error {
  return misuse(
    link,
    'ERR_AIO_LINK_NOT_ON_LIST',
    'The link is not on this list: look at `isInserted`, or use `safeRemove` for one that may be on no list.',
  )
}

export function notEmpty(): Error {
  return aioError('ERR_AIO_LIST_NOT_EMPTY', 'The receiving list must be empty: use `concat` to append to it.')
}

export function sameList(): Error {
  return aioError('ERR_AIO_SAME_LIST', 'A list cannot be joined to itself: pass another list.')
}

export function notInOrder(): Error {
  return aioError('ERR_AIO_LINK_ORDER', '"right" comes before "left": pass them in the order of the list.')
}

export function requireKind(kind: new () => object, list: unknown): void {
  if (list instanceof kind) return
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `The other list must be a ${kind.name} too. Received ${describe(list)}.`,
  )
}

/** Called with the link that a plain iteration visited last: what follows it is known only while it is there. */
export function stayed<T extends object>(link: ListLink<T>, home: ListIdentity): ListLink<T> {
  if (link.home === home) return link
  throw aioError(
    'ERR_AIO_LINK_NOT_ON_LIST',
    'The element visited last was taken off the list: to remove while iterating, iterate over `safe()`.',
  )
}
