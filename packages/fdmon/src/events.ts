// poll(2)'s and epoll(7)'s own values, the same on every architecture of Linux, so that no monitor translates.

/** There is something to read, or to accept, or the end of it. */
export const IN = 1
/** Writing would not block. */
export const OUT = 4
/** The descriptor is in error, or the reading end of a pipe is closed. Reported whether asked for or not. */
export const ERR = 8
/** The other side hung up. Reported whether asked for or not. */
export const HUP = 16
