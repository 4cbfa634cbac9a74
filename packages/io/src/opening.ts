import { EAGAIN, F_GETFL, F_SETFL, fcntl, O_NONBLOCK } from '@aiokit/sys'

// A FIFO without another side would be waited for for as long as there is none, by a thread that nobody can wake. So
// everything is opened with O_NONBLOCK, and what was not to have it loses it before anybody sees it.

/** Whether open(2) has to be called again, without O_NONBLOCK: somebody has a lease (fcntl(2)), and is about to give it up. */
export function isLeased(res: number, flags: number): boolean {
  return res === -EAGAIN && (flags & O_NONBLOCK) === 0
}

/** Takes O_NONBLOCK from what was opened, if it is not among the `flags` that were asked for. Returns `res`. */
export function opened(res: number, flags: number): number {
  if (res >= 0 && (flags & O_NONBLOCK) === 0) {
    const now = fcntl(res, F_GETFL, 0)
    if (now >= 0) fcntl(res, F_SETFL, now & ~O_NONBLOCK)
  }
  return res
}
