import { execFileSync } from 'node:child_process'
import os from 'node:os'

export interface Machine {
  node: string
  v8: string
  kernel: string
  arch: string
  cpu: string
  cores: number
  memoryGiB: number
  /** Load average of the last minute when the run began: above 0 others were using the machine. */
  load: number
  /** The commit that was measured, with a + if there were changes on top; null outside of a checkout. */
  commit: string | null
}

export function describeMachine(): Machine {
  const cpus = os.cpus()
  return {
    node: process.version,
    v8: process.versions.v8,
    // Without what a distribution or a provider adds.
    kernel: /^[\d.]*\d/.exec(os.release())?.[0] ?? os.release(),
    arch: process.arch,
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    load: Math.round(os.loadavg()[0]! * 100) / 100,
    commit: commit(),
  }
}

function commit(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return null
  }
}
