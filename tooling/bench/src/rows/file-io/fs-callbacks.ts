import { fdatasync, read, write } from 'node:fs'
import type { Measure } from '../../row.ts'
import { timeCallbacks, wallNow } from '../../timing.ts'
import { type Requester, Requests } from './requests.ts'
import { BLOCK, depthOf, type Work, WorkFile } from './work.ts'

export function fsCallbacks(work: Work): Measure {
  return async (request) => {
    using file = new WorkFile(request, work)
    const requests = new Requests(work, depthOf(request), file.fd)
    const { fd } = file
    const slots = Array.from({ length: requests.depth }, (_, slot) => ({
      buffer: Buffer.alloc(BLOCK),
      done(error: Error | null, count: number) {
        if (error) throw error
        requests.completed(slot, count)
      },
    }))
    const synced = (error: Error | null) => {
      if (error) throw error
      requests.synced()
    }
    const requester: Requester = {
      transfer(slot, position) {
        const { buffer, done } = slots[slot]!
        if (work === 'read') read(fd, buffer, 0, BLOCK, position, done)
        else write(fd, buffer, 0, BLOCK, position, done)
      },
      fsync: () => fdatasync(fd, synced),
    }
    return await timeCallbacks(request, (ops, done) => requests.run(requester, ops, done), wallNow)
  }
}
