import { describe, expect, test } from 'vitest'
import { hosted, output, runHosted } from './hosted.ts'

/** Calls `call` by each kind of callback there is, one after the other. */
const KINDS = `
  const log = []
  process.on('exit', (code) => console.log(log.join(), code))
  const kinds = {
    handler(call) {
      const reader = readyPipe()
      ctx.setFdHandler(reader, { read() { ctx.setFdHandler(reader, null); call() } })
    },
    write(call) {
      const [, writer] = pipe()
      ctx.setFdHandler(writer, { write() { ctx.setFdHandler(writer, null); call() } })
    },
    oneshot: (call) => ctx.scheduleOneshot(call),
    timer: (call) => ctx.createTimer(realtime, call).mod(realtime.now() + 1000),
    request(call) {
      if (ctx.hasIoUring) ctx.addSqe((sqe) => sqe.prepNop(), () => call())
      else ctx.scheduleOneshot(call)
    },
    promise: (call) => ctx.scheduleOneshot(() => Promise.resolve().then(call)),
    tick: (call) => ctx.scheduleOneshot(() => process.nextTick(call)),
  }
`

describe.each(hosted)('a process with a context on %s by %s()', (monitor, host) => {
  const run = (body: string, options = {}) =>
    runHosted(monitor, host, KINDS + body, { timeoutMs: 5000, ...options })

  test('A3, X1: what a callback throws is an uncaught exception; the loop goes on, and nothing is lost', () => {
    expect(
      output(
        run(`
          let left = 0
          process.on('uncaughtException', (error) => {
            log.push(error.message)
            // Here, too, promises and ticks run.
            Promise.resolve().then(() => process.nextTick(() => { if (--left === 0) ctx.close() }))
          })
          process.on('unhandledRejection', (error) => { throw error })
          for (const [kind, start] of Object.entries(kinds)) {
            for (let i = 0; i < 2; i++) {
              left++
              start(() => { throw new Error(kind) })
            }
          }
          process.prependListener('exit', () => { log.sort() })`),
      ),
    ).toBe(
      `${['handler', 'oneshot', 'promise', 'request', 'tick', 'timer', 'write'].flatMap((kind) => [kind, kind]).join()} 0\n`,
    )
  })

  test('A3: whatever it throws, null too', () => {
    expect(
      output(
        run(`
          const values = [null, undefined, 0, 'text', Symbol('s')]
          process.on('uncaughtException', (error) => { if (log.push(String(error)) === values.length) ctx.close() })
          for (const value of values) ctx.scheduleOneshot(() => { throw value })
          process.prependListener('exit', () => { log.sort() })`),
      ),
    ).toBe('0,Symbol(s),null,text,undefined 0\n')
    expect(run('ctx.scheduleOneshot(() => { throw null })')).toMatchObject({ status: 1, stdout: ' 1\n' })
  })

  test.each(['handler', 'timer', 'request', 'promise'])(
    'A3: nobody listens, and the process ends: exit codes of what a %s throws, rejects and exits with',
    (kind) => {
      const thrown = run(`kinds.${kind}(() => { throw new Error('thrown here') })`)
      expect([thrown.status, thrown.stdout]).toEqual([1, ' 1\n'])
      expect(thrown.stderr).toContain('Error: thrown here')
      const rejected = run(`kinds.${kind}(() => { Promise.reject(new Error('rejected here')) })`)
      expect([rejected.status, rejected.stdout]).toEqual([1, ' 1\n'])
      expect(rejected.stderr).toContain('Error: rejected here')
      const exited = run(`kinds.${kind}(() => { process.exit(7) })`)
      expect([exited.status, exited.stdout, exited.stderr]).toEqual([7, ' 7\n', ''])
    },
  )

  test('A1: beforeExit, exitCode, and a context that is never closed', () => {
    const { status, stdout, stderr } = run(`
      ctx.unref()
      let times = 0
      process.on('beforeExit', () => {
        log.push('beforeExit')
        if (++times < 3) ctx.ref(), ctx.scheduleOneshot(() => { log.push('ran'); ctx.unref() })
        else process.exitCode = 5
      })`)
    expect([status, stdout, stderr]).toEqual([5, 'beforeExit,ran,beforeExit,ran,beforeExit 5\n', ''])
  })

  test('X7: a signal without a listener ends the process, one with a listener wakes it', () => {
    const { signal } = run(`
      ctx.beginWork()
      ctx.createTimer(realtime, () => process.kill(process.pid, 'SIGTERM')).mod(realtime.now() + 2e6)`)
    expect(signal).toBe('SIGTERM')
    expect(
      output(
        run(`
          ctx.beginWork()
          process.on('SIGTERM', () => { log.push('heard'); ctx.close() })
          const { spawn } = await import('node:child_process')
          spawn('sh', ['-c', 'sleep 0.05; kill -TERM ' + process.pid])`),
      ),
    ).toBe('heard 0\n')
  })

  test('A4: standard input is read, and children inherit none of the descriptors', () => {
    const { stdout } = run(
      `const { execFileSync } = await import('node:child_process')
       process.stdin.setEncoding('utf8')
       for await (const text of process.stdin) log.push(text.trim())
       log.push(execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).split('anon_inode').length - 1)
       ctx.close()`,
      { under: ['sh', '-c', 'echo piped | "$@"', 'sh'] },
    )
    expect(stdout).toBe('piped,0 0\n')
  })

  test('X3, A3: a monitor that fails: run() is rejected, an attached context detached with an uncaught exception; others go on', () => {
    const failure = run(`
      const other = make()
      other.attach()
      process.on('uncaughtException', (error) => { log.push('uncaught ' + error.code); next() })
      // The descriptor that it is woken through.
      const own = readdirSync('/proc/self/fd').map(Number).find((fd) => {
        try {
          ctx.setFdHandler(fd, { read() {} })
          ctx.setFdHandler(fd, null)
        } catch (error) {
          return error.code === 'ERR_AIO_RESERVED_FD' && readlinkSync('/proc/self/fd/' + fd).includes('eventfd')
        }
      })
      ${host === 'run' ? `ctx.stop(); ctx.run().catch((error) => { log.push('rejected ' + error.code); next() })` : ''}
      const next = () => {
        // Neither attached nor running.
        ctx.attach()
        ctx.detach()
        other.scheduleOneshot(() => { log.push('other'); other.close() })
      }
      sys.close(own)
      // It is found out sooner or later.
      let left = 2000
      const bh = ctx.createBottomHalf(() => { if (left-- > 0) bh.schedule(); else ctx.close() })
      bh.schedule()`)
    const code = 'ERR_AIO_NOTIFIER_LOST'
    expect(failure.stdout).toBe(`${host === 'run' ? 'rejected' : 'uncaught'} ${code},other 0\n`)
  })
})
