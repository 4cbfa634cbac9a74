import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Measure } from '../../row.ts'
import { BACKLOG } from './listen.ts'
import { Load, type Time } from './load.ts'

export function nodeNet(time: Time): Measure {
  return async (request) => {
    let open = 0
    const server = createServer((socket) => {
      open++
      socket.on('data', (data) => socket.write(data))
      socket.on('close', () => {
        if (--open === 0) server.close()
      })
    })
    server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
    await once(server, 'listening')
    using load = new Load(request, (server.address() as AddressInfo).port, process.pid)
    await once(server, 'close')
    return load.sample(time, request.ops)
  }
}
