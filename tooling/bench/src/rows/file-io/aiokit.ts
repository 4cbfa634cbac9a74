import { AioContext } from 'aiokit'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { type Requester, Requests } from './requests.ts'
import { BLOCK, depthOf, type Work, WorkFile } from './work.ts'

/** `ctx.io`, on a ring or, without one, on threads. */
export function aiokit(work: Work, aio: 'io_uring' | 'threads'): Measure {
  return (request) => {
    using file = new WorkFile(request, work)
    using ctx = new AioContext({ fdmon: aio === 'io_uring' ? ringOnly() : 'epoll' })
    const { io } = ctx
    const requests = new Requests(work, depthOf(request), file.fd)
    const { fd } = file
    const slots = Array.from({ length: requests.depth }, (_, slot) => ({
      buffer: io.allocate(BLOCK),
      done: (res: number) => requests.completed(slot, res),
    }))
    const synced = () => requests.synced()
    const requester: Requester = {
      transfer(slot, position) {
        const { buffer, done } = slots[slot]!
        if (work === 'read') io.readAio(fd, buffer, position, done)
        else io.writeAio(fd, buffer, position, done)
      },
      fsync: () => void io.fdatasyncAio(fd, synced),
    }
    return timeLoop(
      request,
      (ops) => {
        let running = true
        requests.run(requester, ops, () => {
          running = false
        })
        while (running) ctx.poll(true)
      },
      wallNow,
    )
  }
}
