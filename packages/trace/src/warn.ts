import { writeSync } from 'node:fs'

let exiting = false
process.once('exit', () => {
  exiting = true
})

/** A warning of Node's, or when it is too late for these a line on stderr. */
export function warn(message: string): void {
  if (!exiting) process.emitWarning(message, { type: 'AioWarning', code: 'AIOKIT_TRACE' })
  else writeSync(2, `(node:${process.pid}) [AIOKIT_TRACE] AioWarning: ${message}\n`)
}
