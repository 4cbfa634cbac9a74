import { statSync } from 'node:fs'
import type { Measure } from '../../row.ts'
import { runProgram } from '../../run-program.ts'
import { wallNow } from '../../timing.ts'
import { type NbdCommand, NbdServer } from './server.ts'

export function wholeImage(command: NbdCommand): Measure {
  return async (request) => {
    const mebibytes = statSync(request.file).size / 2 ** 20
    await using server = await NbdServer.start(command, request.file)
    const copy = async (times: number) => {
      for (let i = 0; i < times; i++) await runProgram('nbdcopy', [server.uri, 'null:'], 'libnbd-bin')
    }
    await copy(Math.ceil(request.warmup / mebibytes))
    const times = Math.ceil(request.ops / mebibytes)
    const start = wallNow()
    await copy(times)
    const ops = times * mebibytes
    return { ns: (wallNow() - start) / ops, ops, peakBytes: server.peakBytes() }
  }
}
