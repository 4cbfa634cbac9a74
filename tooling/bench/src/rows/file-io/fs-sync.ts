import { fdatasyncSync, readSync, writeSync } from 'node:fs'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { PICKS, picks } from './requests.ts'
import { BLOCK, type Work, WorkFile, WRITES_PER_FSYNC } from './work.ts'

export function fsSync(work: Work): Measure {
  return (request) => {
    using file = new WorkFile(request, work)
    const { fd } = file
    const blocks = picks(fd)
    const buffer = Buffer.alloc(BLOCK)
    return timeLoop(
      request,
      (ops) => {
        for (let i = 1; i <= ops; i++) {
          const position = blocks[i % PICKS]! * BLOCK
          const count =
            work === 'read'
              ? readSync(fd, buffer, 0, BLOCK, position)
              : writeSync(fd, buffer, 0, BLOCK, position)
          if (count !== BLOCK) throw new Error(`a request ended with ${count}`)
          if (work === 'write+fsync' && (i % WRITES_PER_FSYNC === 0 || i === ops)) fdatasyncSync(fd)
        }
      },
      wallNow,
    )
  }
}
