import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hasCommand } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { type Host, hosted, output, runHosted } from './hosted.ts'

const events = new URL('./fixtures/events.mjs', import.meta.url)

/** System calls that the thread of the context makes between two calls of `mark()`, by name. */
function trace(monitor: string, host: Host, body: string): Record<string, number> {
  const log = path.join(tmpdir(), `aiokit-calls-${process.pid}`)
  const mark = `const mark = () => sys.fcntl(-1, sys.F_GETFD, 0)\n`
  const result = runHosted(monitor, host, mark + body, { under: ['strace', '-qq', '-o', log], timeoutMs: 20_000 })
  const lines = readFileSync(log, 'utf8').split('\n')
  rmSync(log)
  expect(output(result)).toBe('')
  const marks = lines.flatMap((line, i) => (line.startsWith('fcntl(-1,') ? [i] : []))
  const counts: Record<string, number> = {}
  for (const line of lines.slice(marks[0]! + 1, marks[1])) {
    const [name = ''] = /^\w+/.exec(line) ?? []
    if (name !== '') counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

describe.skipIf(!hasCommand('strace'))('system calls (needs strace)', () => {
  test.each(hosted)('A1: an idle context on %s by %s() costs none, and no CPU', (monitor, host) => {
    const counts = trace(
      monitor,
      host,
      `ctx.setFdHandler(pipe()[0], { read() {} })
       ctx.createTimer(realtime, () => {}).mod(realtime.now() + 1e12)
       await new Promise((resolve) => setTimeout(resolve, 50))
       mark()
       await new Promise((resolve) => setTimeout(resolve, 200))
       mark()
       ctx.close()`,
    )
    console.log(monitor, host, counts)
  })

  test.each(hosted)('one event on %s by %s()', (monitor, host) => {
    for (const what of ['handler', 'bottom half', 'timer']) {
      const counts = trace(
        monitor,
        host,
        `const count = 100
         const [reader, writer] = pipe()
         const byte = new Uint8Array(1)
         const seen = new Int32Array(new SharedArrayBuffer(8))
         const done = () => {
           const times = ++seen[0]
           if (times === 10 || times === count) mark()
           if (times === count) ctx.close()
         }
         ctx.setFdHandler(reader, { read() { sys.read(reader, byte); done() } })
         const bh = ctx.createBottomHalf(done, { shared: true })
         const timer = ctx.createTimer(realtime, () => { timer.mod(realtime.now() + 1e6); done() })
         if ('${what}' === 'timer') timer.mod(realtime.now() + 1e6)
         else {
           const { Worker } = await import('node:worker_threads')
           const workerData = { what: '${what}', count, seen, writer, handle: ctx.handle, bottomHalf: bh.handle }
           new Worker(new URL('${events}'), { execArgv: [], workerData }).unref()
         }
         process.on('exit', () => bh.delete())
         process.noDeprecation = true
         process.removeAllListeners('warning')`,
      )
      console.log(what, monitor, host, Object.entries(counts).map(([k, v]) => `${k} ${(v / 90).toFixed(2)}`).join())
    }
  })
})
