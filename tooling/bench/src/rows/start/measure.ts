import { spawnSync } from 'node:child_process'
import type { Measure } from '../../row.ts'
import { timeLoop } from '../../timing.ts'

/** Node with these arguments, from its start to its end, one process after the other. */
export function measureProcess(...args: string[]): Measure {
  const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const
  return (request) =>
    timeLoop(request, (ops) => {
      for (let i = 0; i < ops; i++) {
        const { status, stderr, error } = spawnSync(process.execPath, args, options)
        if (status !== 0) throw error ?? new Error(stderr)
      }
    })
}
