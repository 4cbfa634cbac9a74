import { open } from 'node:fs/promises'
import type { Measure } from '../../row.ts'
import { timeCallbacks, wallNow } from '../../timing.ts'
import { type Requester, Requests } from './requests.ts'
import { BLOCK, depthOf, type Work } from './work.ts'

export function fileHandle(work: Work): Measure {
  return async (request) => {
    await using handle = await open(request.file, work === 'read' ? 'r' : 'r+')
    const requests = new Requests(work, depthOf(request), handle.fd)
    const buffers = Array.from({ length: requests.depth }, () => Buffer.alloc(BLOCK))
    const requester: Requester = {
      async transfer(slot, position) {
        const buffer = buffers[slot]!
        if (work === 'read')
          requests.completed(slot, (await handle.read(buffer, 0, BLOCK, position)).bytesRead)
        else requests.completed(slot, (await handle.write(buffer, 0, BLOCK, position)).bytesWritten)
      },
      async fsync() {
        await handle.datasync()
        requests.synced()
      },
    }
    return await timeCallbacks(request, (ops, done) => requests.run(requester, ops, done), wallNow)
  }
}
