import { openSync, promises, writeFileSync } from 'node:fs'
import { AioContext } from '@aiokit/aio'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import { AioIo } from '@aiokit/io'

const [what = 'promise', host = 'run', mon = 'uring'] = process.argv.slice(2)
const N = 400_000,
  D = 32
writeFileSync('/tmp/bench-forms.dat', Buffer.alloc(65536, 7))
const fd = openSync('/tmp/bench-forms.dat', 'r')
const ctx = new AioContext({ fdmon: mon === 'uring' ? uringMonitor() : epollMonitor() })
const io = new AioIo(ctx)
if (host === 'run') ctx.run()
else if (host === 'attach') ctx.attach()
const bufs = Array.from({ length: D }, () => io.allocate(64))
const handle = await promises.open('/tmp/bench-forms.dat')
const fbufs = Array.from({ length: D }, () => Buffer.alloc(64))
async function promise(n) {
  let left = n
  const lane = async (b) => {
    while (left-- > 0) await io.read(fd, b, (left & 1023) * 64)
  }
  await Promise.all(bufs.map(lane))
}
async function fh(n) {
  let left = n
  const lane = async (b) => {
    while (left-- > 0) await handle.read(b, 0, 64, (left & 1023) * 64)
  }
  await Promise.all(fbufs.map(lane))
}
function aio(n) {
  return new Promise((resolve) => {
    let left = n,
      done = 0
    for (const b of bufs) {
      const next = () => {
        if (left-- > 0) io.readAio(fd, b, (left & 1023) * 64, next)
        else if (++done === D) resolve()
      }
      next()
    }
  })
}
const f = { promise, fh, aio }[what]
await f(20000)
await f(100000)
const r = []
for (let i = 0; i < 5; i++) {
  const m = what === 'fh' ? N / 4 : N
  const t = process.hrtime.bigint()
  await f(m)
  r.push(Number(process.hrtime.bigint() - t) / m)
}
console.log(what, host, mon, r.map((x) => x.toFixed(0)).join(' '))
process.exit(0)
