import { type FdMonitorFactory, uringMonitor } from 'aiokit'
import { Unavailable } from './row.ts'

/**
 * io_uring and nothing else: no other monitor is to be measured in its name.
 *
 * @throws Unavailable (the factory) if there can be no ring here
 */
export function ringOnly(): FdMonitorFactory {
  const make = uringMonitor()
  return (host) => {
    try {
      return make(host)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_AIO_NO_IO_URING') throw error
      throw new Unavailable((error as Error).message)
    }
  }
}
