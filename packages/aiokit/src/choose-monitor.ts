import { aioError, describe } from '@aiokit/errors'
import type { FdMonitorFactory } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'

/**
 * A monitor by name, or one of your own. 'auto' begins with poll, which needs no descriptor and is the faster for a
 * few, and moves to epoll at 64 descriptors.
 */
export type FdMonitorChoice = FdMonitorFactory | 'auto' | 'epoll' | 'poll'

/** Descriptors of the program at which the automatic choice moves from poll to epoll (rule M3). */
export const AUTO_EPOLL_AT = 64

const byName: Readonly<Record<string, () => FdMonitorFactory>> = {
  // One more than the program's: the context's own notifier is watched too.
  auto: () => pollMonitor({ upgrade: { at: AUTO_EPOLL_AT + 1, to: epoll() } }),
  epoll,
  poll: () => pollMonitor(),
}

function epoll(): FdMonitorFactory {
  return epollMonitor({ fallback: pollMonitor() })
}

/**
 * The factory for a choice. The environment variable AIOKIT_FDMON, if set, replaces 'auto'; a monitor that the
 * program asks for by name stays.
 *
 * @throws `ERR_AIO_FDMON` for a name that is none
 */
export function chooseMonitor(choice: FdMonitorChoice = 'auto'): FdMonitorFactory {
  if (typeof choice === 'function') return choice
  const override = choice === 'auto' ? process.env['AIOKIT_FDMON'] : undefined
  const name = override || choice
  // hasOwn() would make a string of it, and take ['poll'] for one.
  if (typeof name !== 'string' || !Object.hasOwn(byName, name)) {
    const what = override ? 'The environment variable AIOKIT_FDMON' : '"fdmon"'
    throw aioError(
      'ERR_AIO_FDMON',
      `${what} must be one of ${Object.keys(byName).join(', ')}. Received ${describe(name)}.`,
    )
  }
  return byName[name]!()
}
