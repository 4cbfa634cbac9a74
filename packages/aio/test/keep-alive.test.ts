import { describe, expect, test } from 'vitest'
import { hosted, output, runHosted, runHostedWorkers } from './hosted.ts'

// In processes of their own: in one that has other things to do something wakes its loop in any case, sooner or later. So
// does V8 in all of them, after 8 s.

/** Prints all at the end, and how long it was alive as a word. */
const REPORT = `
  const log = []
  process.on('exit', () => console.log(log.join()))
`

describe.each(hosted)('a process with a context on %s by %s()', (monitor, host) => {
  const run = (body: string, options = {}) =>
    output(runHosted(monitor, host, REPORT + body, { timeoutMs: 5000, ...options })).trim()
  const runs = host === 'run'

  test('A1: ends when the context has nothing to do, or is to keep nothing alive', () => {
    const idle = [
      // Nothing; what keeps nothing alive; what is over.
      '',
      `ctx.setFdHandler(pipe()[0], { read() {}, ref: false })`,
      `const timer = ctx.createTimer(realtime, () => log.push('fired'))
       timer.mod(realtime.now() + 1e12)
       timer.del()`,
      `ctx.createBottomHalf(() => log.push('ran'))`,
      `ctx.beginWork()
       ctx.endWork()`,
      `const [reader] = pipe()
       ctx.setFdHandler(reader, { read() {} })
       ctx.setFdHandler(reader, { read() {}, ref: false })`,
      `const [reader] = pipe()
       ctx.setFdHandler(reader, { read() {} })
       ctx.setFdHandler(reader, null)`,
      // Found to be over by a callback of its own, and of Node's.
      `const timer = ctx.createTimer(realtime, () => {})
       timer.mod(realtime.now() + 1e12)
       ctx.createTimer(realtime, () => { timer.del(); log.push('deleted') }).mod(realtime.now() + 2e6)`,
      `ctx.setFdHandler(pipe()[0], { read() {} })
       setTimeout(() => { ctx.close(); log.push('closed') }, 2)`,
    ]
    // A context that runs keeps the thread alive whatever it has to do.
    const bodies = idle.map((body) => (runs ? `ctx.unref()\n${body}` : body))
    const ends = runHostedWorkers(monitor, host, bodies)
    if (!runs) expect(ends).toEqual(['', '', '', '', '', '', '', 'deleted', 'closed'])
    else expect(ends).toHaveLength(idle.length)
    // Of a process it holds as of a worker.
    expect(run(bodies[0]!)).toBe('')
  })

  test('A1: does not wait for the work of a context that is unref’d, at whatever time', () => {
    const work = `
      ctx.setFdHandler(pipe()[0], { read() {} })
      ctx.createTimer(realtime, () => {}).mod(realtime.now() + 1e12)
      ctx.beginWork()
      if (ctx.hasIoUring) ctx.addSqe((sqe) => sqe.prepTimeout(1e12), () => {})`
    const bodies = [
      `ctx.unref(); ${work}`,
      `${work}; ctx.unref()`,
      `${work}; setTimeout(() => ctx.unref(), 2)`,
      `${work}; ctx.scheduleOneshot(() => ctx.unref())`,
      // When it has slept, by a callback of its own.
      `${work}; ctx.createTimer(realtime, () => ctx.unref()).mod(realtime.now() + 5e6)`,
      `${work}; ctx.createTimer(realtime, () => { ctx.scheduleOneshot(() => ctx.unref()); ctx.poll(true) }).mod(realtime.now() + 5e6)`,
      `${work}; ctx.createTimer(realtime, () => { ctx.detach(); ctx.stop() }).mod(realtime.now() + 5e6)`,
      `${work}; ctx.createTimer(realtime, () => ctx.close()).mod(realtime.now() + 5e6)`,
      `${work}; ctx.createTimer(realtime, () => Promise.resolve().then(() => ctx.close())).mod(realtime.now() + 5e6)`,
    ]
    expect(runHostedWorkers(monitor, host, bodies)).toEqual(bodies.map(() => ''))
    expect(run(bodies[4]!)).toBe('')
  })

  test('A1: lives until the work is done, whatever it is, and whenever it is asked for', () => {
    const work = `[
      () => ctx.createTimer(realtime, () => done('timer')).mod(realtime.now() + 5e6),
      () => {
        const bh = ctx.createBottomHalf(() => { bh.delete(); done('bottom half') })
        bh.schedule()
      },
      () => {
        const bh = ctx.createBottomHalf(() => { bh.delete(); done('idle bottom half') })
        bh.scheduleIdle()
      },
      () => ctx.scheduleOneshot(() => done('one-shot')),
      () => {
        const [reader, writer] = pipe()
        ctx.setFdHandler(reader, { read() { ctx.setFdHandler(reader, null); done('handler') } })
        setTimeout(() => sys.write(writer, new Uint8Array(1)), 5).unref()
      },
      () => {
        ctx.beginWork()
        setTimeout(() => { ctx.endWork(); done('work') }, 5).unref()
      },
      () => {
        if (ctx.hasIoUring) ctx.addSqe((sqe) => sqe.prepTimeout(5e6), () => done('request'))
        else setTimeout(done, 5, 'request')
      },
    ]`
    const script = (next: string) => `
      const work = ${work}
      const begin = () => {
        ctx.ref()
        work.shift()()
      }
      const next = () => ${next}
      const done = (what) => {
        log.push(what)
        ctx.unref()
        if (work.length > 0) next()
      }
      ctx.unref()
      next()`
    const bodies = [
      // Asked for in a callback; when the loop is about to end; by what it did before; by another context.
      `begin()`,
      `setImmediate(() => Promise.resolve().then(begin))`,
      `process.nextTick(begin)`,
      `{ const other = make(); other.attach(); other.createTimer(realtime, () => { begin(); other.close() }).mod(realtime.now() + 1e6) }`,
    ].map(script)
    const all = 'timer,bottom half,idle bottom half,one-shot,handler,work,request'
    expect(runHostedWorkers(monitor, host, bodies)).toEqual(bodies.map(() => all))
    expect(run(script(`process.once('beforeExit', begin)`))).toBe(all)
    expect(
      run(script(`process.once('beforeExit', () => Promise.resolve().then(() => setImmediate(begin)))`)),
    ).toBe(all)
  })

  test('A1: stopped or detached in a callback, and attached there or run again, it goes on', () => {
    for (const end of ['ctx.detach(); ctx.stop()']) {
      for (const begin of ['ctx.attach()', 'ctx.run()']) {
        const body = `
          ctx.createTimer(realtime, () => {
            ctx.scheduleOneshot(() => log.push('before'))
            ${end}
            ctx.scheduleOneshot(() => log.push('between'))
            ${begin}
            ctx.scheduleOneshot(() => {
              log.push('after')
              setTimeout(() => ctx.close(), 5)
            })
          }).mod(realtime.now() + 5e6)`
        expect(run(body)).toBe('before,between,after')
      }
    }
  })

  test('A1: another context that joins, or is due, when it stops is not forgotten', () => {
    expect(
      run(`
        const other = make()
        other.createTimer(realtime, () => { log.push('timer'); other.scheduleOneshot(() => { log.push('one-shot'); other.close() }) })
          .mod(realtime.now() + 1e6)
        ctx.createTimer(realtime, () => { ctx.detach(); ctx.stop(); other.attach() }).mod(realtime.now() + 5e6)`),
    ).toBe('timer,one-shot')
    expect(
      run(`
        const other = make()
        other.attach()
        ctx.scheduleOneshot(() => {
          other.scheduleOneshot(() => { log.push('one-shot'); other.close() })
          ctx.detach()
          ctx.stop()
        })`),
    ).toBe('one-shot')
  })

  test.each(['Node', 'a context'])(
    'A5, N5: poll() of an attached context by a callback of %s, one that throws too, loses no wake-up',
    (whose) => {
      for (const fails of [false, true]) {
        expect(
          run(`
          const other = make()
          other.attach()
          const timer = other.createTimer(realtime, () => {
            log.push('timer')
            if (log.length === 2) { ctx.close(); other.close(); return }
            // By a pass of its own list, which tells nobody: after it a loop computes its timeout anyway.
            timer.mod(realtime.now() + 1e6)
            if (${fails}) throw new Error('of a timer')
          })
          const poll = () => {
            timer.mod(realtime.now())
            try {
              other.poll(true)
            } catch {}
          }
          ${whose === 'Node' ? 'setTimeout(poll, 20)' : 'ctx.createTimer(realtime, poll).mod(realtime.now() + 20e6)'}`),
        ).toBe('timer,timer')
      }
    },
  )

  test('X1, A5: what a poll that threw has left is run without another event', () => {
    expect(
      run(`
        const other = make()
        other.attach()
        let left = 4
        const called = (what) => {
          log.push(what)
          if (--left === 0) { ctx.close(); other.close() }
          if (log.length === 1) throw new Error('of a handler')
        }
        ctx.createTimer(realtime, () => {
          for (const reader of [readyPipe(), readyPipe(), readyPipe()])
            other.setFdHandler(reader, { read() { other.setFdHandler(reader, null); called('handler') } })
          other.createTimer(realtime, () => called('timer')).mod(realtime.now())
          try {
            other.poll(true)
          } catch {}
        }).mod(realtime.now() + 20e6)`)
        .split(',')
        .toSorted()
        .join(),
    ).toBe('handler,handler,handler,timer')
  })
})
