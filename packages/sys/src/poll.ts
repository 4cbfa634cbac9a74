import { type Bytes, native } from './native.ts'

// Timeouts are nanoseconds; a negative one, or Infinity, waits for ever. All return -errno on failure, and -EINTR
// when a signal handler ran: go on with what is left of the timeout.

/** ppoll(2) on `count` structs pollfd (8 bytes each: int fd, short events, short revents). Returns how many are ready. */
export const ppoll: (fds: Bytes, count: number, timeoutNs: number) => number = native.ppoll

/** epoll_create1(2). Pass `EPOLL_CLOEXEC`. Returns a descriptor. */
export const epollCreate1: (flags: number) => number = native.epollCreate1

/** epoll_ctl(2). The two halves of the 64-bit data come back in the events, low half first in memory. */
export const epollCtl: (
  epfd: number,
  op: number,
  fd: number,
  events: number,
  dataLow: number,
  dataHigh: number,
) => number = native.epollCtl

/** epoll_wait(2): milliseconds. `events` takes up to `max` structs of `EPOLL_EVENT_SIZE` bytes. Returns the count. */
export const epollWait: (epfd: number, events: Bytes, max: number, timeoutMs: number) => number =
  native.epollWait

/** epoll_pwait2(2), Linux 5.11: the same in nanoseconds. -ENOSYS where the kernel lacks it. */
export const epollPwait2: (epfd: number, events: Bytes, max: number, timeoutNs: number) => number =
  native.epollPwait2
