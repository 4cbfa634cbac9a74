import { fileURLToPath } from 'node:url'
import { type ChildResult, runScript, type ScriptOptions } from '@aiokit/testing'
import { AioContext } from '../src/index.ts'
import { monitors } from './monitors.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))

export type Host = 'attach' | 'run'

/** Every monitor, with each of the ways in which Node's loop and a context go together. */
export const hosted: [monitor: string, host: Host, make: (typeof monitors)[number][1]][] = monitors.flatMap(
  ([name, make]) => (['attach', 'run'] as const).map((host) => [name, host, make] as (typeof hosted)[number]),
)

/** A context that Node's loop runs, or that runs it. */
export function newHosted(make: (typeof monitors)[number][1], host: Host): AioContext {
  const ctx = new AioContext({ fdmon: make() })
  // A failure is an unhandled rejection.
  if (host === 'attach') ctx.attach()
  else ctx.run()
  return ctx
}

/** What scripts begin with. `make()` gives a context on the monitor, `host(ctx)` has it run; both are done for `ctx`. */
function preamble(monitor: string, host: Host): string {
  return `
    import { AsyncLocalStorage } from 'node:async_hooks'
    import { readdirSync, readlinkSync } from 'node:fs'
    import { AioContext } from '@aiokit/aio'
    import { epollMonitor } from '@aiokit/fdmon-epoll'
    import { pollMonitor } from '@aiokit/fdmon-poll'
    import { uringMonitor } from '@aiokit/fdmon-uring'
    import * as sys from '@aiokit/sys'
    import { realtime } from '@aiokit/timers'
    const make = () => new AioContext({ fdmon: {
      'poll': () => pollMonitor(),
      'epoll': () => epollMonitor(),
      'epoll that falls back': () => epollMonitor({ fallback: pollMonitor() }),
      'io_uring': () => uringMonitor(),
      'poll that moves to epoll': () => pollMonitor({ upgrade: { at: 8, to: epollMonitor() } }),
    }[${JSON.stringify(monitor)}]() })
    const host = (ctx) => ${host === 'run' ? 'ctx.run()' : 'ctx.attach()'}
    const pipe = () => {
      const fds = new Int32Array(32)
      sys.check(sys.pipe2(fds, sys.O_CLOEXEC | sys.O_NONBLOCK), 'pipe2')
      return [fds[0], fds[1]]
    }
    /** The reading end of a pipe in which there is something. */
    const readyPipe = () => {
      const [reader, writer] = pipe()
      sys.write(writer, new Uint8Array(1))
      return reader
    }
    const openDescriptors = () => readdirSync('/proc/self/fd').length - 1
    /** Another iteration of Node's loop. */
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const ctx = make()
    host(ctx)
  `
}

/** Runs a script, in a process of its own, with a context `ctx` that is attached or runs; see `preamble`. */
export function runHosted(
  monitor: string,
  host: Host,
  body: string,
  options: Partial<ScriptOptions> = {},
): ChildResult {
  return runScript(preamble(monitor, host) + body, { cwd: folder, ...options })
}

/** What it printed, if it ended well. */
export function output(result: ChildResult): string {
  const { status, signal, stdout, stderr } = result
  return status === 0 && stderr === '' ? stdout : `${stdout}\nstatus ${status} ${signal}\n${stderr}`
}

/**
 * Runs scripts like those of `runHosted`, each in a worker of one process, all at a time. Returns what each has `log`ged
 * when its thread has come to its end, or the failure of all.
 */
export function runHostedWorkers(
  monitor: string,
  host: Host,
  bodies: readonly string[],
): string[] | ChildResult {
  const begin = `
    import { parentPort } from 'node:worker_threads'
    ${preamble(monitor, host)}
    const log = []
    process.on('exit', () => parentPort.postMessage(log.join()))
  `
  const programs = bodies.map((body) => begin + body)
  const result = runScript(
    `import { Worker } from 'node:worker_threads'
     const logs = await Promise.all(${JSON.stringify(programs)}.map((program) => new Promise((resolve) => {
       const worker = new Worker(program, { eval: true })
       let log
       worker.on('message', (message) => { log = message })
       worker.on('error', (error) => { log = error.message })
       worker.on('exit', () => resolve(log))
     })))
     console.log(JSON.stringify(logs))`,
    { cwd: folder, timeoutMs: 6000 },
  )
  return result.status === 0 ? JSON.parse(result.stdout) : result
}
