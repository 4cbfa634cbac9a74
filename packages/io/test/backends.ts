import { AioContext } from '@aiokit/aio'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import * as sys from '@aiokit/sys'
import { hasIoUring } from '@aiokit/testing'
import { expect } from 'vitest'
import { AioIo, listen } from '../src/index.ts'

/** Every way in which operations are carried out: a program need not know which it is. */
export const backends = (
  ['ring', 'threads on epoll', 'threads on poll', 'threads beside a ring'] as const
).filter((backend) => !backend.endsWith('ring') || hasIoUring())

/** The same with what runs the context: Node's loop in either way. */
export const hostedBackends = backends.flatMap((backend) =>
  (['attach', 'run'] as const).map((host) => ({ backend, host })),
)

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

export class World implements Disposable, AsyncDisposable {
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

  /** One that Node's loop runs. */
  static hosted(backend: (typeof backends)[number], host: 'attach' | 'run'): World {
    const world = new World(backend)
    void world.ctx[host]()
    return world
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.io.close()
    await this.ctx[Symbol.asyncDispose]()
  }
}

/** Makes tests that have a context which Node's loop runs, and leave no operation pending. */
export function inHosted({ backend, host }: (typeof hostedBackends)[number]) {
  return (body: (world: World, io: AioIo) => Promise<void>) => async () => {
    await using world = World.hosted(backend, host)
    await body(world, world.io)
    expect(world.io.pending).toBe(0)
  }
}

/** A Unix socket that listens at `name`, without O_NONBLOCK. */
export function listener(name: string): { fd: number; address: Uint8Array } & Disposable {
  const fd = listen({ path: name })
  return { fd, address: sys.encodeAddress({ path: name }), [Symbol.dispose]: () => void sys.close(fd) }
}
