import { constants } from 'node:os'

/** From now on SIGINT and SIGTERM end the process by `exit`, whose listeners leave no files and no servers behind. */
export function exitOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]))
}
