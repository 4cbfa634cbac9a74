import type { Op } from './access.ts'

const EAGAIN = 11
/** The number of a descriptor is its address and this, so that it is not taken for one. */
const FIRST_FD = 100
const HIGH_HALF = 2 ** 32

interface Kernel {
  allocate(): number
  access(op: Op, address: number, a: number): number
}

/** Where the counter of an eventfd is. */
export function addressOf(fd: number): number {
  return fd - FIRST_FD
}

/**
 * In the place of `@aiokit/sys`: eventfds, each a word that a waiting thread can sleep on: 1 if the low half of its counter
 * is not zero, and 2 if the high half is not. What the code under test does
 * not need is not here.
 */
export function modelEventfds(kernel: Kernel): Record<string, unknown> {
  return {
    EAGAIN,
    EBADF: 9,
    EFD_CLOEXEC: 0,
    EFD_NONBLOCK: 0,
    O_CLOEXEC: 0,
    ECANCELED: 125,
    SystemError: Error,
    eventfd: () => FIRST_FD + kernel.allocate(),
    // A duplicate is as good as the original.
    duplicate: (fd: number) => fd,
    eventfdWrite: (fd: number, value = 1) =>
      kernel.access('eventfdWrite', addressOf(fd), value < HIGH_HALF ? 1 : 2),
    eventfdRead: (fd: number) => {
      const halves = kernel.access('eventfdRead', addressOf(fd), 0)
      return halves === 0 ? -EAGAIN : halves & 1
    },
    close: () => 0,
    // The reading end becomes readable when the thread that has the other one ends.
    pipe2: (ends: number[]) => {
      ends[0] = FIRST_FD + kernel.allocate()
      ends[1] = ends[0]
      return 0
    },
    own: () => {},
    disown: () => {},
    check: (result: number, syscall: string) => {
      if (result < 0) throw new Error(`${syscall} failed: ${result}`)
      return result
    },
    monotonicNs: () => 0,
  }
}
