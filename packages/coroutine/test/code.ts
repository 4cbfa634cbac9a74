import { expect } from 'vitest'

/** An error with this code. */
export const code = (value: string) => expect.objectContaining({ code: value })
