import { AioContext, bufferPool, type Sqe } from 'aiokit'
import { ringOnly } from '../../ring.ts'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { type Requester, Requests } from './requests.ts'
import { BLOCK, depthOf, WorkFile } from './work.ts'

/** Reads by `ctx.addSqe`, which `ctx.io` uses: what the layer between them takes. */
export const measure: Measure = (request) => {
  using file = new WorkFile(request, 'read')
  using ctx = new AioContext({ fdmon: ringOnly() })
  const requests = new Requests('read', depthOf(request), file.fd)
  const { fd } = file
  let position = 0
  const slots = Array.from({ length: requests.depth }, (_, slot) => {
    const buffer = bufferPool.allocate(BLOCK)
    return {
      prep: (sqe: Sqe) => sqe.prepRead(fd, buffer, position),
      complete: (res: number) => requests.completed(slot, res),
    }
  })
  const requester: Requester = {
    transfer(slot, at) {
      position = at
      ctx.addSqe(slots[slot]!.prep, slots[slot]!)
    },
    fsync() {},
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
