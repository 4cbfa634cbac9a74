import { aioTypeError, requireBoolean, requireObject } from '@aiokit/errors'
import type { AioIoOptions } from '@aiokit/io'
import { IOThread as Base, type ThreadOptions } from '@aiokit/iothread'
import { defineTask } from '@aiokit/task'
import type { ThreadPoolOptions } from '@aiokit/thread-pool'
import type { AioContext, AioContextOptions } from './aio-context.ts'
import { chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'

export interface IOThreadOptions extends ThreadOptions {
  /** Of the thread's context, by name. Default 'auto', which the environment variable AIOKIT_FDMON overrides. */
  fdmon?: Extract<FdMonitorChoice, string>
  /** Of the thread's context: measure the time spent waiting, for its `stats().blockedNs`. Default false. */
  measure?: boolean
  /** Of the context's `ctx.io`. */
  io?: AioIoOptions
  /** Of the context's `ctx.threadPool`. */
  threadPool?: ThreadPoolOptions
}

const newContext = defineTask<AioContextOptions, AioContext>(
  new URL('../dist/worker.js', import.meta.url),
  'newContext',
)

/** The IOThread of `@aiokit/iothread` with the AioContext of this package. */
export class IOThread extends Base {
  /** @throws as the base class does, and `ERR_AIO_FDMON` for a monitor that does not exist */
  constructor(options: IOThreadOptions = {}) {
    const {
      name = 'aiokit iothread',
      fdmon = 'auto',
      measure = false,
      io,
      threadPool,
      ...thread
    } = requireObject(options, 'options')
    if (typeof fdmon === 'function') {
      throw aioTypeError(
        'ERR_AIO_INVALID_ARG_TYPE',
        '"options.fdmon" must be the name of a monitor: other threads cannot be sent functions.',
      )
    }
    // What the thread would only find out later.
    chooseMonitor(fdmon)
    requireBoolean(measure, 'options.measure')
    super({
      ...thread,
      name,
      context: newContext,
      contextOptions: { name, fdmon, measure, io, threadPool } as AioContextOptions,
    })
  }
}
