import { AioContext as Base, type AioContextOptions as BaseOptions } from '@aiokit/aio'
import { requireObject } from '@aiokit/errors'
import { chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'

export interface AioContextOptions extends Omit<BaseOptions, 'fdmon'> {
  /** Default 'auto', which the environment variable AIOKIT_FDMON overrides. */
  fdmon?: FdMonitorChoice
}

/** The AioContext of `@aiokit/aio` with a monitor chosen for you. */
export class AioContext extends Base {
  /** @throws as the base class does, and `ERR_AIO_FDMON` for a monitor that does not exist */
  constructor(options: AioContextOptions = {}) {
    super({ ...requireObject(options, 'options'), fdmon: chooseMonitor(options.fdmon) })
  }
}
