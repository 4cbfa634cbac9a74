import { readFileSync } from 'node:fs'

/**
 * Which eventfd a descriptor is: a number that the kernel gives each of them (proc_pid_fdinfo(5), Linux 5.2). -1 if it is
 * none, or if /proc does not tell.
 */
export function eventfdIdentity(fd: number): number {
  try {
    const found = /^eventfd-id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))
    return found === null ? -1 : Number(found[1])
  } catch {
    return -1
  }
}
