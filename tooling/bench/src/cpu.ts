import { readFileSync } from 'node:fs'

/** Of the kernel's clock ticks in procfs: 100 a second on every machine that Node runs on (sysconf(3), _SC_CLK_TCK). */
const TICK_NS = 1e7

/** For how many nanoseconds this process has had a processor, all its threads together, user and system. */
export function processCpuNs(): number {
  const { user, system } = process.cpuUsage()
  return 1000 * (user + system)
}

/**
 * The same of another process, its threads that have ended included, in steps of 10 ms: utime and stime of
 * proc_pid_stat(5).
 */
export function cpuNsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return TICK_NS * (Number(fields[11]) + Number(fields[12]))
}
