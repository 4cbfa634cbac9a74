import { native } from './native.ts'

/** CLOCK_MONOTONIC in nanoseconds: the same in every thread and process, answered without entering the kernel. */
export const monotonicNs: () => number = native.monotonicNs

/** clock_gettime(2) in nanoseconds, or -errno. `CLOCK_REALTIME` is exact to 256 ns only: a double has 53 bits. */
export const clockGettime: (clock: number) => number = native.clockGettime

/** timerfd_create(2). Pass `TFD_CLOEXEC | TFD_NONBLOCK`. Returns a descriptor. */
export const timerfdCreate: (clock: number, flags: number) => number = native.timerfdCreate

/**
 * timerfd_settime(2): readable in `valueNs` nanoseconds (or then, with `TFD_TIMER_ABSTIME`), and each `intervalNs` after
 * that. 0 for the former stops it, for the latter: once.
 */
export const timerfdSettime: (fd: number, flags: number, valueNs: number, intervalNs: number) => number =
  native.timerfdSettime
