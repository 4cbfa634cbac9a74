import { statSync } from 'node:fs'
import { qemuImgBench } from '../../qemu-img.ts'
import type { Measure } from '../../row.ts'
import { depthOf, type Work, WRITES_PER_FSYNC } from './work.ts'

/** @param aio how it does its requests: its option `-i` */
export function qemuImg(work: Work, aio: 'io_uring' | 'threads'): Measure {
  return (request) => {
    const flags = ['-i', aio, '-t', 'writeback']
    if (work !== 'read') flags.push('-w')
    if (work === 'write+fsync') flags.push(`--flush-interval=${WRITES_PER_FSYNC}`)
    return qemuImgBench(request.file, statSync(request.file).size, request.ops, depthOf(request), flags)
  }
}
