// A synchronous function that waits for asynchronous I/O: reads several files at once and returns what is in them.
//
//     node apps/examples/src/read-config-sync.mjs
//     node apps/examples/src/read-config-sync.mjs <(sleep 1; echo '{"a":1}') <(sleep 1; echo '{"b":2}')    # 1 s, not 2
//
// It is called from a callback of the loop, and has that loop run everything else meanwhile: the timer goes on ticking.
// Node cannot do this. Why it is safe here is said in apps/examples/README.md.
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AioContext, realtime, sys } from 'aiokit'

const ctx = new AioContext()
ctx.attach()

/** @throws what opening a file throws; SystemError; SyntaxError */
function readConfigSync(paths) {
  const files = paths.map((path) => ({
    fd: openSync(path, 'r'),
    text: '',
    chunk: Buffer.alloc(4096),
    end: null,
  }))
  const readMore = (file) =>
    ctx.io.readAio(file.fd, file.chunk, -1, (count) => {
      if (count <= 0) file.end = count
      else {
        file.text += file.chunk.toString('latin1', 0, count)
        readMore(file)
      }
    })
  console.log(`${ctx.fdmonName}: reading ${files.length} files`)
  for (const file of files) readMore(file)
  ctx.waitWhile(() => files.some((file) => file.end === null)) // here it stays, and the context goes on
  for (const { fd } of files) closeSync(fd)
  for (const { end } of files) sys.check(end, 'read')
  return Object.assign({}, ...files.map(({ text }) => JSON.parse(Buffer.from(text, 'latin1').toString())))
}

let ticks = 0
const ticker = ctx.createTimer(realtime, () => {
  ticks++
  ticker.mod(realtime.now() + 10e6)
})

ctx.scheduleOneshot(() => {
  const start = realtime.now()
  ticker.mod(start)
  Promise.resolve().then(() => console.log('a promise, and'))
  setTimeout(() => console.log('a timer of Node: they had to wait until it returned'), 0)
  try {
    const given = process.argv.slice(2)
    const here = ['../', '../../../'].map((up) =>
      fileURLToPath(new URL(`${up}package.json`, import.meta.url)),
    )
    const settings = Object.keys(readConfigSync(given.length > 0 ? given : here))
    console.log(`${settings.length} settings: ${settings.join(' ')}`)
    console.log(
      `took ${((realtime.now() - start) / 1e6).toFixed(1)} ms; the context's timer ticked ${ticks} times`,
    )
  } finally {
    ticker.del() // nothing is left to wait for: the program ends
  }
})
