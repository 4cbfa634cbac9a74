// A TCP echo server of promises: connections and what they send by `for await`, on io_uring where there is one.
//
//     node apps/examples/src/tcp-echo.mjs          # then: nc localhost 7007
//     node apps/examples/src/tcp-echo.mjs 9000     # another port
//
// One signal ends it all: whoever waits hears of it, lets go of what it has, and the last one closes the context.
import { AioContext, listen, localAddress, sys } from 'aiokit'

const [port = 7007] = process.argv.slice(2).map(Number)

const ctx = new AioContext()
ctx.attach()

const stop = new AbortController()
const { signal } = stop
process.once('SIGINT', () => stop.abort())

const listener = listen({ host: '127.0.0.1', port })
const bound = /** @type {{ host: string, port: number }} */ (localAddress(listener))
console.log(`${bound.host}:${bound.port} by ${ctx.io.aio}, heard with ${ctx.fdmonName}`)

/** Until the client has said all, or has gone away, or everything ends. */
async function serve(connection) {
  let total = 0
  try {
    for await (const bytes of ctx.io.chunks(connection, { signal })) {
      await ctx.io.send(connection, bytes, 0, { signal })
      total += bytes.length
    }
    console.log(`client ${connection}: echoed ${total} bytes`)
  } catch (error) {
    console.log(`client ${connection}: ${signal.aborted ? 'cut short' : error.code} after ${total} bytes`)
  } finally {
    sys.close(connection)
  }
}

const clients = new Set()
try {
  for await (const connection of ctx.io.accepts(listener, { signal })) {
    const client = serve(connection).finally(() => clients.delete(client))
    clients.add(client)
  }
} catch (error) {
  if (!signal.aborted) throw error
} finally {
  stop.abort()
  await Promise.all(clients)
  sys.close(listener)
  ctx.close()
  console.log('the end')
}
