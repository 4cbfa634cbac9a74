import { fileURLToPath } from 'node:url'
import { hasIoUring, runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'

const cwd = fileURLToPath(new URL('..', import.meta.url))
const tasks = new URL('./fixtures/tasks.mjs', import.meta.url)
const monitors = ['poll', 'epoll', ...(hasIoUring() ? ['uring'] : [])]
const hosted = monitors.flatMap((monitor) => ['attach', 'run'].map((host) => [monitor, host] as const))

/**
 * What a process has printed when it has come to its end, with a context on a monitor and a pool. `hold()` submits
 * something that ends when a timer of Node's comes that keeps nothing alive.
 */
function run(monitor: string, body: string): string {
  const { status, signal, stdout, stderr } = runScript(
    `import { AioContext } from '@aiokit/aio'
     import { ${monitor}Monitor } from '@aiokit/fdmon-${monitor}'
     import { defineTask, ThreadPool } from '@aiokit/thread-pool'
     const ctx = new AioContext({ fdmon: ${monitor}Monitor() })
     const task = (name) => defineTask(new URL('${tasks}'), name)
     const pool = new ThreadPool(ctx, { max: 1, min: 1 })
     const words = () => new Int32Array(new SharedArrayBuffer(4))
     const gate = words()
     const hold = (options) => pool.submit(task('hold'), { begun: words(), gate }, options)
     setTimeout(() => { Atomics.store(gate, 0, 1); Atomics.notify(gate, 0) }, 200).unref()
     process.on('exit', () => console.log('end'))
     ${body}`,
    // An idle thread leaves after 10 s.
    { cwd, timeoutMs: 8000 },
  )
  return status === 0 && stderr === '' ? stdout : `${stdout}\nstatus ${status} ${signal}\n${stderr}`
}

describe.each(hosted)('a process with a pool on %s by %s()', (monitor, host) => {
  const stop = host === 'run' ? 'ctx.stop()' : ''

  test('W1, A1: lives until what was submitted is done, in whatever way, and not for idle threads', () => {
    expect(
      run(
        monitor,
        `ctx.${host}()
         await hold()
         console.log('held')
         console.log(await pool.submit(task('double'), 21))
         pool.submitAio(task('double'), 4, (error, result) => {
           console.log(result)
           pool.submitImmediate(task('nothing'))
           ${stop}
         })`,
      ),
    ).toBe('held\n42\n8\nend\n')
  })

  test('W4, A1: does not for what is cancelled, fails, or is for a pool that is closed', () => {
    expect(
      run(
        monitor,
        `ctx.${host}()
         const first = hold()
         const second = hold({ signal: AbortSignal.timeout(20) })
         const third = pool.submitAio(task('double'), 1, (error) => console.log(error.code))
         third.cancelAsync()
         await second.catch((error) => console.log(error.name))
         await first
         await pool.submit(task('fail'), 'failed').catch((error) => console.log(error.message))
         // It may have begun by then.
         pool.submit(task('double'), 1).catch(() => {}).then(() => console.log('settled'))
         pool.close()
         ${stop}`,
      ),
    ).toBe('ECANCELED\nTimeoutError\nfailed\nsettled\nend\n')
  })

  test('A1: does not with a context that is unref’d', () => {
    expect(
      run(
        monitor,
        `ctx.${host}()
         hold().then(() => console.log('never'))
         ctx.unref()`,
      ),
    ).toBe('end\n')
  })
})

test.each(monitors)(
  'A1: a process with a pool whose context, on %s, nobody runs ends, whatever it has to do',
  (monitor) => {
    expect(run(monitor, `hold().then(() => console.log('never'))`)).toBe('end\n')
  },
)
