import { aioError } from '@aiokit/errors'
import { unpackThrown } from '@aiokit/task'
import type { Obituary } from './messages.ts'

/**
 * Why a thread has ended that was not asked to.
 *
 * @param obituary what it said of that, if it had time to
 * @param nodeCause what Node said, which knows less of an error, but also of those that leave no time
 */
export function describeCrash(name: string, obituary: Obituary | null, nodeCause: unknown): Error {
  const said = obituary?.cause === undefined ? undefined : unpackThrown(obituary.cause)
  const cause = obituary === null ? nodeCause : said
  // Out of memory, or an error before its program began.
  const unsaid = cause === undefined ? 'by force: it was terminated' : 'of an error'
  const how = obituary?.how ?? unsaid
  const what = cause instanceof Error ? `: ${cause.message}` : ''
  return aioError('ERR_AIO_THREAD_DIED', `I/O thread "${name}" has ended ${how}${what}`, { cause })
}
