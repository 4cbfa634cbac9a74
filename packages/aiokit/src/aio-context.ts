import { AioContext as Base, type AioContextOptions as BaseOptions } from '@aiokit/aio'
import { requireObject } from '@aiokit/errors'
import { AioIo, type AioIoOptions } from '@aiokit/io'
import { ThreadPool, type ThreadPoolOptions } from '@aiokit/thread-pool'
import { chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'

export interface AioContextOptions extends Omit<BaseOptions, 'fdmon'> {
  /** Default 'auto', which the environment variable AIOKIT_FDMON overrides. */
  fdmon?: FdMonitorChoice
  /** Of `ctx.io`. */
  io?: AioIoOptions
  /** Of `ctx.threadPool`. */
  threadPool?: ThreadPoolOptions
}

/** The AioContext of `@aiokit/aio` with a monitor chosen for you, with files and sockets, and with a thread pool. */
export class AioContext extends Base {
  readonly #ioOptions: AioIoOptions | undefined
  #io: AioIo | null = null
  readonly #poolOptions: ThreadPoolOptions | undefined
  #threadPool: ThreadPool | null = null

  /** @throws as the base class does, and `ERR_AIO_FDMON` for a monitor that does not exist */
  constructor(options: AioContextOptions = {}) {
    super({ ...requireObject(options, 'options'), fdmon: chooseMonitor(options.fdmon) })
    this.#ioOptions = options.io
    this.#poolOptions = options.threadPool
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

  /**
   * Functions of modules on worker threads: `ctx.threadPool.submit(task, argument)`. Made when it is first used, closed
   * with the context.
   *
   * @throws as `new ThreadPool` does; `ERR_AIO_CLOSED`
   */
  get threadPool(): ThreadPool {
    this.#threadPool ??= new ThreadPool(this, this.#poolOptions)
    return this.#threadPool
  }

  /** As of the base class; and waits until Node has noticed the end of the pool's threads. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]()
    await this.#threadPool?.[Symbol.asyncDispose]()
  }
}
