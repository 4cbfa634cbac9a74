import { AioContext, sys } from 'aiokit'
import { drive, type Mode } from '../../drive.ts'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { BUFFER, listenLocally } from './listen.ts'
import { Load, type Time } from './load.ts'

/** By `ctx.io` on a ring, with callbacks. */
export function ringIo(mode: Mode, time: Time): Measure {
  return async (request) => {
    using ctx = new AioContext({ fdmon: ringOnly() })
    const { io } = ctx
    const { fd: listener, port } = listenLocally()
    let open = 0
    using load = new Load(request, port, process.pid)
    await drive(ctx, mode, (done) => {
      const serve = (fd: number) => {
        const buffer = io.allocate(BUFFER)
        const receive = () => void io.recvAio(fd, buffer, 0, received)
        const received = (count: number) => {
          if (count > 0) return void io.sendAio(fd, buffer.subarray(0, count), 0, receive)
          io.free(buffer)
          sys.close(fd)
          if (--open === 0) done()
        }
        receive()
      }
      const accept = () => void io.acceptAio(listener, 0, accepted)
      const accepted = (fd: number) => {
        if (fd === -sys.ECANCELED) return
        open++
        serve(sys.check(fd, 'accept4'))
        accept()
      }
      accept()
    })
    sys.close(listener)
    return load.sample(time, request.ops)
  }
}
