import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buildFloor } from '../../floor.ts'
import type { Measure } from '../../row.ts'
import { Load, type Time } from './load.ts'

/** floor/echo.c, which ends by itself. */
export function c(time: Time): Measure {
  return async (request) => {
    const server = spawn(buildFloor('echo'), { stdio: ['ignore', 'pipe', 'inherit'] })
    process.on('exit', () => server.kill())
    const ended = once(server, 'exit')
    const [line] = await once(server.stdout!.setEncoding('utf8'), 'data')
    using load = new Load(request, Number(line), server.pid!)
    await ended
    return load.sample(time, request.ops)
  }
}
