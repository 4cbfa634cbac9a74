import { Refusal } from './refusal.ts'

/** An error for the user: one line for what the user or the system has done, a stack for what this program has done. */
export function explanation(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const expected = error instanceof Refusal || typeof (error as NodeJS.ErrnoException).code === 'string'
  return expected ? error.message : (error.stack ?? error.message)
}
