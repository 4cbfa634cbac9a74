import { openSync, readSync } from 'node:fs'
import { Unavailable } from './row.ts'

// Of this thread: each has its own copy of this module.
const schedstat = openSchedstat()
const line = Buffer.alloc(64)

/**
 * Nanoseconds that this thread has waited for a processor that others were using (proc_pid_schedstat(5)); 0 where the
 * kernel does not tell.
 */
export function lostNs(): number {
  return read(1)
}

/**
 * For how many nanoseconds this thread has had a processor, user and system.
 *
 * @throws Unavailable where the kernel does not tell
 */
export function threadCpuNs(): number {
  if (schedstat < 0) throw new Unavailable('needs a kernel with /proc/thread-self/schedstat')
  return read(0)
}

function read(field: number): number {
  if (schedstat < 0) return 0
  return Number(line.toString('latin1', 0, readSync(schedstat, line, 0, line.length, 0)).split(' ')[field])
}

function openSchedstat(): number {
  try {
    return openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    return -1
  }
}
