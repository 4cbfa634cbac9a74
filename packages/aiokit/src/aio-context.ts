import { AioContext as Base, type AioContextOptions as BaseOptions } from '@aiokit/aio'
import { requireObject } from '@aiokit/errors'
import { AioIo, type AioIoOptions } from '@aiokit/io'
import { chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'

export interface AioContextOptions extends Omit<BaseOptions, 'fdmon'> {
  /** Default 'auto', which the environment variable AIOKIT_FDMON overrides. */
  fdmon?: FdMonitorChoice
  /** Of `ctx.io`. */
  io?: AioIoOptions
}

/** The AioContext of `@aiokit/aio` with a monitor chosen for you, and with files and sockets. */
export class AioContext extends Base {
  readonly #ioOptions: AioIoOptions | undefined
  #io: AioIo | null = null

  /** @throws as the base class does, and `ERR_AIO_FDMON` for a monitor that does not exist */
  constructor(options: AioContextOptions = {}) {
    super({ ...requireObject(options, 'options'), fdmon: chooseMonitor(options.fdmon) })
    this.#ioOptions = options.io
  }

  /**
   * Files and sockets: `ctx.io.readAio(fd, buffer, position, done)` and the like, on the ring or on threads. Made when it
   * is first used, closed with the context.
   *
   * @throws as `new AioIo` does; `ERR_AIO_CLOSED`
   */
  get io(): AioIo {
    this.#io ??= new AioIo(this, this.#ioOptions)
    return this.#io
  }
}
