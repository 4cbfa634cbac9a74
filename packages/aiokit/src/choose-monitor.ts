import { aioError, describe } from '@aiokit/errors'
import type { FdMonitor, FdMonitorFactory, FdMonitorHost } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'

/**
 * A monitor by name, or one of your own. 'auto' is 'io_uring': if there can be no ring here, the context goes on with
 * epoll, or else with poll, and `ctx.fdmonFallback` says why.
 */
export type FdMonitorChoice = FdMonitorFactory | 'auto' | 'io_uring' | 'epoll' | 'poll'

const byName: Readonly<Record<string, () => FdMonitorFactory>> = {
  auto: ioUring,
  io_uring: ioUring,
  epoll,
  poll: () => pollMonitor(),
}

function ioUring(): FdMonitorFactory {
  return uringMonitor({ fallback: epollOrPoll })
}

function epoll(): FdMonitorFactory {
  return epollMonitor({ fallback: pollMonitor() })
}

function epollOrPoll(host: FdMonitorHost): FdMonitor {
  try {
    return epoll()(host)
  } catch (error) {
    host.fellBack(error as Error)
    return pollMonitor()(host)
  }
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
