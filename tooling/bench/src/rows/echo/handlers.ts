import { AioContext, type FdMonitorChoice, sys } from 'aiokit'
import { drive, type Mode } from '../../drive.ts'
import type { Measure } from '../../row.ts'
import { BUFFER, listenLocally } from './listen.ts'
import { Load, type Time } from './load.ts'

/** By handlers of descriptors, with the system calls of the C server. */
export function handlers(fdmon: FdMonitorChoice, mode: Mode, time: Time): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon })
    const { fd: listener, port } = listenLocally()
    const buffer = new Uint8Array(BUFFER)
    let open = 0
    using load = new Load(request, port, process.pid)
    await drive(ctx, mode, (done) => {
      const serve = (fd: number) => {
        open++
        ctx.setFdHandler(fd, {
          read() {
            const count = sys.recv(fd, buffer, 0, BUFFER, 0)
            if (count > 0 && sys.send(fd, buffer, 0, count, 0) === count) return
            ctx.setFdHandler(fd, null)
            sys.close(fd)
            if (--open === 0) done()
          },
        })
      }
      ctx.setFdHandler(listener, {
        read: () => serve(sys.check(sys.accept4(listener, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC), 'accept4')),
      })
    })
    ctx.setFdHandler(listener, null)
    sys.close(listener)
    return load.sample(time, request.ops)
  }
}
