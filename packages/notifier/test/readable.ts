import { readFileSync } from 'node:fs'
import { check, POLLIN, ppoll } from '@aiokit/sys'

/** What any poll(2)-like call sees of it. */
export function isReadable(fd: number, timeoutNs = 0): boolean {
  const pollfd = new Int32Array(32)
  pollfd[0] = fd
  pollfd[1] = POLLIN
  return check(ppoll(pollfd, 1, timeoutNs), 'ppoll') === 1
}

/** The counter of an eventfd, which every write and read of it changes. */
export function counterOf(fd: number): bigint {
  const hex = /^eventfd-count:\s*(\S+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]!
  return BigInt(`0x${hex}`)
}
