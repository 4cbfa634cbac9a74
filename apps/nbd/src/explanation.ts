import { Refusal } from './refusal.ts'

/** An error for the user: one line for what the user or the system has done, a stack for what this program has done. */
export function explanation(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const expected = error instanceof Refusal || typeof (error as NodeJS.ErrnoException).code === 'string'
  if (!expected) return error.stack ?? error.message
  const died = (error as NodeJS.ErrnoException).code === 'ERR_AIO_THREAD_DIED' && error.cause instanceof Error
  return died ? `${error.message}\n${(error.cause as Error).stack}` : error.message
}
