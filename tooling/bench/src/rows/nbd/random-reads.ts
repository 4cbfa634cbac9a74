import { statSync } from 'node:fs'
import { qemuImgBench } from '../../qemu-img.ts'
import type { Measure } from '../../row.ts'
import { type NbdCommand, NbdServer } from './server.ts'

export function randomReads(command: NbdCommand): Measure {
  return async (request) => {
    const depth = Number(request.case.split(' ')[1])
    const { size } = statSync(request.file)
    await using server = await NbdServer.start(command, request.file)
    await qemuImgBench(server.uri, size, request.warmup, depth)
    const cpu = server.cpuNs()
    const sample = await qemuImgBench(server.uri, size, request.ops, depth)
    return { ...sample, cpuNs: (server.cpuNs() - cpu) / request.ops, peakBytes: server.peakBytes() }
  }
}
