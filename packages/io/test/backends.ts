import { AioContext } from '@aiokit/aio'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { hasIoUring } from '@aiokit/testing'
import { AioIo } from '../src/index.ts'

/** Every way in which operations are carried out: a program need not know which it is. */
export const backends = (
  ['ring', 'threads on epoll', 'threads on poll', 'threads beside a ring'] as const
).filter((backend) => !backend.endsWith('ring') || hasIoUring())

/** A module's beginning, with `ctx` and `io` as a World has them, for tests of what ends the process. */
export function preamble(backend: (typeof backends)[number]): string {
  const monitor = backend.endsWith('epoll') ? 'epoll' : backend.endsWith('poll') ? 'poll' : 'uring'
  return `
    import { AioContext } from '@aiokit/aio'
    import { ${monitor}Monitor } from '@aiokit/fdmon-${monitor}'
import { AioIo } from '@aiokit/io'
    import * as sys from '@aiokit/sys'
    const ctx = new AioContext({ fdmon: ${monitor}Monitor() })
    const io = new AioIo(ctx, { aio: '${backend === 'ring' ? 'io_uring' : 'threads'}' })`
}

export class World implements Disposable {
  readonly ctx: AioContext
  readonly io: AioIo

  constructor(backend: (typeof backends)[number], threads = 4) {
    const fdmon = backend.endsWith('epoll')
      ? epollMonitor()
      : backend.endsWith('poll')
        ? pollMonitor()
        : uringMonitor()
    this.ctx = new AioContext({ fdmon })
    this.io = new AioIo(this.ctx, { aio: backend === 'ring' ? 'io_uring' : 'threads', threads })
  }

  /** The result of one operation, waited for. */
  result(start: (done: (res: number) => void) => unknown): number {
    let result: number | undefined
    start((res) => {
      result = res
    })
    if (result !== undefined) throw new Error('the callback was called from inside the method')
    this.ctx.waitWhile(() => result === undefined)
    return result!
  }

  [Symbol.dispose](): void {
    this.io.close()
    this.ctx.close()
  }
}
