import { AioContext } from 'aiokit'
import { type Mode, timeDriven } from '../../drive.ts'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { wallNow } from '../../timing.ts'
import { type Requester, Requests } from './requests.ts'
import { BLOCK, depthOf, type Work, WorkFile } from './work.ts'

/** `ctx.io` on a ring in the form that returns a promise, as a FileHandle does; Node's loop runs it, or `run()`. */
export function aiokitPromises(work: Work, mode: Exclude<Mode, 'poll'>): Measure {
  return async (request) => {
    using file = new WorkFile(request, work)
    using ctx = new AioContext({ fdmon: ringOnly() })
    const { io } = ctx
    const requests = new Requests(work, depthOf(request), file.fd)
    const { fd } = file
    const buffers = Array.from({ length: requests.depth }, () => io.allocate(BLOCK))
    const requester: Requester = {
      async transfer(slot, position) {
        const buffer = buffers[slot]!
        if (work === 'read') requests.completed(slot, await io.read(fd, buffer, position))
        else requests.completed(slot, await io.write(fd, buffer, position))
      },
      async fsync() {
        await io.fdatasync(fd)
        requests.synced()
      },
    }
    return await timeDriven(ctx, mode, request, (ops, done) => requests.run(requester, ops, done), wallNow)
  }
}
