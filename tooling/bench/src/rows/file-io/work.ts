import { closeSync, openSync } from 'node:fs'
import type { Request } from '../../row.ts'

/** What is done; write+fsync is WRITES_PER_FSYNC writes, an fdatasync(2) when all have ended, and so on. */
export type Work = 'read' | 'write' | 'write+fsync'

/** Bytes of a request. */
export const BLOCK = 4096
/** As many as the deepest queue of the row has, or qemu-img would refuse; also in floor/file-io.c. */
export const WRITES_PER_FSYNC = 64

/** How many requests are in flight in a case such as "depth 32". */
export function depthOf(request: Request): number {
  return Number(request.case.split(' ')[1])
}

/** The row's file, open for the work. */
export class WorkFile implements Disposable {
  readonly fd: number

  constructor(request: Request, work: Work) {
    this.fd = openSync(request.file, work === 'read' ? 'r' : 'r+')
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}
