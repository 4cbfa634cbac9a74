import { native } from './native.ts'

/** CLOCK_MONOTONIC in nanoseconds: the same in every thread and process, answered without entering the kernel. */
export const monotonicNs: () => number = native.monotonicNs

/** clock_gettime(2) in nanoseconds, or -errno. `CLOCK_REALTIME` is exact to 256 ns only: a double has 53 bits. */
export const clockGettime: (clock: number) => number = native.clockGettime
