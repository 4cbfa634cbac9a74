// An HTTP server of Node's and an AioContext in one thread: the context samples, HTTP tells everybody who listens.
//
//     node apps/examples/src/http-beside.mjs       # then: curl -N http://localhost:8080
//
// `attach()` has Node's loop run the context. Its callbacks are called as Node calls its own, so that what one of them
// writes to a response goes out, and what it throws is an uncaughtException.
import { openSync } from 'node:fs'
import { createServer } from 'node:http'
import { AioContext, realtime, sys } from 'aiokit'

const [port = 8080, ms = 500] = process.argv.slice(2).map(Number)

const ctx = new AioContext()
ctx.attach()

const listeners = new Set()
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' }).write(`sampled with ${ctx.fdmonName}\n`)
  listeners.add(response)
  request.on('close', () => listeners.delete(response))
})

// /proc tells something new each time it is read from its beginning.
const fd = openSync('/proc/loadavg', 'r')
const buffer = ctx.io.allocate(256)
const timer = ctx.createTimer(realtime, sample)

function sample() {
  timer.mod(realtime.now() + ms * 1e6)
  ctx.io.readAio(fd, buffer, 0, (count) => {
    if (count === -sys.ECANCELED) return // by ctx.close()
    const [load] = Buffer.from(buffer.subarray(0, sys.check(count, 'read')))
      .toString()
      .split(' ')
    for (const response of listeners) response.write(`load ${load}, ${ctx.stats().polls} polls\n`)
  })
}

server.listen(port, () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`http://localhost:${address.port}`)
  sample()
})

process.once('SIGINT', () => {
  for (const response of listeners) response.end('the end\n')
  server.close(() => {
    ctx.close()
    sys.close(fd)
    console.log('the end')
  })
  server.closeIdleConnections()
})
