import { Worker } from 'node:worker_threads'
import { ManualClock } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AioContext } from '../src/index.ts'
import { hosted, newHosted, output, runHosted } from './hosted.ts'

const fixture = new URL('./fixtures/stop-clock.mjs', import.meta.url)

describe.each(hosted)(
  'clocks of a context on %s by %s() that another thread stops',
  (monitor, host, make) => {
    let ctx: AioContext
    let worker: Worker
    const clock = new ManualClock()
    const flags = new Int32Array(new SharedArrayBuffer(8))
    beforeEach(() => {
      ctx = newHosted(make, host)
      flags.fill(0)
      worker = new Worker(fixture, { workerData: { handle: clock.handle, flags }, execArgv: [] })
    })
    afterEach(async () => {
      ctx.close()
      await worker.terminate()
      clock.setEnabled(true)
    })

    /** Has the other thread stop it if it goes, and start it if it is stopped. */
    const ask = () => {
      Atomics.add(flags, 0, 1)
      Atomics.notify(flags, 0)
    }

    test('T5: it is stopped when the callback has ended that Node’s loop runs, with what it polls', async () => {
      let [inside, ran] = ['', false]
      await new Promise<void>((resolve) => {
        ctx
          .createTimer(clock, () => {
            ask()
            while (clock.enabled) Atomics.wait(flags, 1, 0, 1)
            const other = ctx.createTimer(clock, () => {
              ran = true
            })
            other.mod(0)
            ctx.poll(false)
            other.del()
            inside = Atomics.wait(flags, 1, 0, 20)
            resolve()
          })
          .mod(0)
      })
      expect([inside, ran]).toEqual(['timed-out', false])
      // The promises that a callback brings about are part of it.
      while (Atomics.load(flags, 1) === 0) await new Promise((go) => setImmediate(go))
    })

    test('T5: while it stands still nothing runs, and when it is started Node’s loop is woken', () => {
      const script = (clock: string) => `
      import { Worker } from 'node:worker_threads'
      import { ManualClock, virtual } from '@aiokit/timers'
      const clock = ${clock}
      const flags = new Int32Array(new SharedArrayBuffer(8))
      const workerData = { handle: clock.handle, flags, gate: ctx.loopHandle.gate.words }
      const worker = new Worker(new URL('${fixture}'), { workerData, execArgv: [] })
      // It has nothing to say to Node's loop but through the clock.
      worker.unref()
      const ask = () => { Atomics.add(flags, 0, 1); Atomics.notify(flags, 0) }
      const done = (count) => { while (Atomics.load(flags, 1) < count) Atomics.wait(flags, 1, count - 1) }
      const before = clock.now() + 5e6
      const log = []
      const fire = (what) => () => {
        log.push(what, Atomics.load(flags, 0))
        if (log.length < 4) return
        console.log(log.join())
        ctx.close()
        worker.terminate()
      }
      // One was armed before it stopped, the other after.
      ctx.createTimer(clock, fire('first')).mod(before)
      ask()
      done(1)
      ctx.createTimer(clock, fire('second')).mod(before + 1)
      if (clock instanceof ManualClock) clock.advance(10e6)
      setTimeout(ask, 30)`
      for (const clock of ['new ManualClock()', 'virtual'])
        expect(output(runHosted(monitor, host, script(clock), { timeoutMs: 5000 }))).toBe(
          'first,2,second,2\n',
        )
    })

    test('T5: a callback that leaves its loop, or throws, is over for who stops the clock', () => {
      const end = host === 'run' ? 'stop' : 'detach'
      for (const how of [`ctx.${end}()`, 'ctx.close()', `throw new Error('of a callback')`]) {
        const script = `
        import { Worker } from 'node:worker_threads'
        import { ManualClock } from '@aiokit/timers'
        const clock = new ManualClock()
        const flags = new Int32Array(new SharedArrayBuffer(8))
        const worker = new Worker(new URL('${fixture}'), { workerData: { handle: clock.handle, flags }, execArgv: [] })
        process.on('uncaughtException', () => {})
        ctx.createTimer(clock, () => {
          setImmediate(() => {
            Atomics.add(flags, 0, 1)
            Atomics.notify(flags, 0)
            console.log(Atomics.wait(flags, 1, 0, 4000), clock.enabled)
            ctx.close()
            worker.terminate()
          })
          ${how}
        }).mod(0)
        // It would be left for the next iteration.
        ctx.createTimer(clock, () => {}).mod(0)`
        expect(output(runHosted(monitor, host, script, { timeoutMs: 6000 }))).toMatch(
          /^(ok|not-equal) false\n$/,
        )
      }
    })
  },
)
