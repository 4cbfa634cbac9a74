import { AioContext, sys } from 'aiokit'
import { drive, type Mode } from '../../drive.ts'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { BUFFER, listenLocally } from './listen.ts'
import { Load, type Time } from './load.ts'

/** By `ctx.io` on a ring as most would write it: connections by `for await`, messages by `await`. */
export function ringPromises(mode: Exclude<Mode, 'poll'>, time: Time): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon: ringOnly() })
    const { io } = ctx
    const { fd: listener, port } = listenLocally()
    let open = 0
    using load = new Load(request, port, process.pid)
    const serve = async (fd: number): Promise<void> => {
      const buffer = io.allocate(BUFFER)
      for (let count = await io.recv(fd, buffer, 0); count > 0; count = await io.recv(fd, buffer, 0))
        await io.send(fd, buffer.subarray(0, count), 0)
      io.free(buffer)
      sys.close(fd)
    }
    let failure: unknown
    await drive(ctx, mode, async (done) => {
      const last = new AbortController()
      try {
        for await (const connection of io.accepts(listener, { signal: last.signal })) {
          open++
          void serve(connection).then(
            () => --open === 0 && last.abort(),
            (error) => last.abort(error),
          )
        }
      } catch (error) {
        if (error !== last.signal.reason || open > 0) failure = error
      }
      done()
    })
    sys.close(listener)
    if (failure !== undefined) throw failure
    return load.sample(time, request.ops)
  }
}
