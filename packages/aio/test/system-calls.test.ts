import { type Calls, countCalls, hasCommand, MARK } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { type Host, hosted, output, runHosted } from './hosted.ts'

const events = new URL('./fixtures/events.mjs', import.meta.url)

/** System calls about descriptors that the thread of the context makes between two calls of `mark()`. */
function trace(monitor: string, host: Host, body: string): Calls {
  const calls = countCalls('%desc', (under) =>
    runHosted(monitor, host, MARK + body, { under, timeoutMs: 20_000 }),
  )
  expect(output(calls.result)).toBe('')
  // V8's, for its heap.
  delete calls.counts['mmap']
  return calls
}

describe.skipIf(!hasCommand('strace'))('system calls (needs strace)', () => {
  test.each(hosted)('A1: an idle context on %s by %s() costs none, and no CPU', (monitor, host) => {
    const { counts, wakeups } = trace(
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
    // Node's own, for its timer; and once the timer is set more exactly.
    const { timerfd_settime = 0, epoll_pwait, ...others } = counts
    expect(epoll_pwait).toBeLessThanOrEqual(3 + wakeups)
    expect(timerfd_settime).toBeLessThanOrEqual(host === 'attach' ? 1 : 0)
    // One that runs waits once for the context and for Node, and has looked once; and again when Node had something to do.
    const rest = Object.values(others).reduce((sum, count) => sum + count, 0)
    expect(rest, JSON.stringify({ ...others, wakeups })).toBeLessThanOrEqual(
      host === 'run' ? 3 + 2 * wakeups : 0,
    )
  })

  test.each(hosted)(
    'N1, N4: what a callback of Node’s schedules on %s by %s() is nobody written to for, and found by one look at most',
    (monitor, host) => {
      for (const by of [
        'setTimeout(call)',
        'setImmediate(call)',
        `stat('/', call)`,
        `port2.postMessage(0)`,
      ]) {
        const { counts } = trace(
          monitor,
          host,
          `const { stat } = await import('node:fs')
           const { port1, port2 } = new MessageChannel()
           let left = 10
           const call = () => {
             if (left === 0) mark()
             bh.schedule()
           }
           const bh = ctx.createBottomHalf(() => {
             if (left-- > 0) {
               ${by}
             } else {
               mark()
               if (ctx.stats().eventfdWrites > 0) console.log('written to')
               bh.delete()
               port1.close()
               ctx.close()
             }
           })
           port1.on('message', call)
           bh.schedule()`,
        )
        const {
          write = 0,
          read = 0,
          ppoll = 0,
          epoll_wait = 0,
          epoll_pwait2 = 0,
          io_uring_enter = 0,
        } = counts
        const looks = ppoll + epoll_wait + epoll_pwait2 + io_uring_enter
        expect([by, write + read, looks], JSON.stringify(counts)).toEqual([by, 0, Math.min(looks, 1)])
      }
    },
  )

  /** At most, for one event: the table of the README, and the handler's own read(2). */
  const limits: Record<Host, Record<string, Record<string, number>>> = {
    attach: {
      poll: { handler: 4, handlers: 4, 'bottom half': 4, timer: 5, request: 0 },
      epoll: { handler: 4, handlers: 4, 'bottom half': 4, timer: 5, request: 0 },
      io_uring: { handler: 4, handlers: 6, 'bottom half': 4, timer: 4, request: 5 },
    },
    run: {
      poll: { handler: 2, handlers: 2, 'bottom half': 2, timer: 1, request: 0 },
      epoll: { handler: 2, handlers: 2, 'bottom half': 2, timer: 1, request: 0 },
      io_uring: { handler: 2, handlers: 2, 'bottom half': 2, timer: 1, request: 1 },
    },
  }

  test.each(hosted)('A1, A4: one event on %s by %s() costs no more than documented', (monitor, host) => {
    for (const what of ['handler', 'handlers', 'bottom half', 'timer', 'request']) {
      const { counts } = trace(
        monitor,
        host,
        `const count = 100
         const pipes = '${what}' === 'handlers' ? [pipe(), pipe(), pipe()] : [pipe()]
         const writers = pipes.map(([, writer]) => writer)
         const byte = new Uint8Array(1)
         const seen = new Int32Array(new SharedArrayBuffer(8))
         const done = () => {
           const times = ++seen[0]
           if (times === 10 || times === count) mark()
           if (times === count) ctx.close()
         }
         for (const [reader] of pipes) ctx.setFdHandler(reader, { read() { sys.read(reader, byte); done() } })
         const bh = ctx.createBottomHalf(done, { shared: true })
         const timer = ctx.createTimer(realtime, () => { timer.mod(realtime.now() + 1e6); done() })
         if ('${what}' === 'request') { if (ctx.hasIoUring) { const again = () => { if (seen[0] < count) ctx.addSqe((sqe) => sqe.prepTimeout(1e6), () => { done(); again() }) }; again() } else { mark(); mark(); ctx.close() } }
         else if ('${what}' === 'timer') timer.mod(realtime.now() + 1e6)
         else {
           const { Worker } = await import('node:worker_threads')
           const workerData = { what: '${what}', count, seen, writers, handle: ctx.handle, bottomHalf: bh.handle }
           new Worker(new URL('${events}'), { execArgv: [], workerData }).unref()
         }
         process.on('exit', () => bh.delete())
         process.noDeprecation = true
         process.removeAllListeners('warning')`,
      )
      const loop = Object.entries(counts).filter(([name]) =>
        /poll|wait|enter|timerfd|^read|^write/.test(name),
      )
      const each = loop.reduce((sum, [, count]) => sum + count, 0) / 90
      expect(Math.round(each), `${what}: ${JSON.stringify(loop)}`).toBeLessThanOrEqual(
        limits[host][monitor.split(' ')[0]!]![what]!,
      )
    }
  })
})
