import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasIoUring } from '@aiokit/testing'
import { afterAll, afterEach, expect } from 'vitest'

const BIN: string = fileURLToPath(new URL('../../bin/aiokit-nbd.js', import.meta.url))

/** The monitors that every test of the server runs on: where io_uring is forbidden, asking for it gives epoll. */
export const MONITORS = ['poll', 'epoll', 'io_uring'] as const

const ring = hasIoUring()

/** The monitor that comes of asking for one. */
export const monitorFor = (asked: string): string => (asked === 'io_uring' && !ring ? 'epoll' : asked)

/** What carries out operations on the image then. */
export const imageBy = (asked: string): string => (asked === 'io_uring' && ring ? 'io_uring' : 'threads')

/** What a server said, without the line that tells that it goes on with epoll; there has to be one where it does. */
export function complaints(server: Program, asked: string): string {
  if (monitorFor(asked) === asked) return server.stderr
  const notice = /^aiokit-nbd: .*goes on with epoll: io_uring cannot be used here .*\n/m
  expect(server.stderr).toMatch(notice)
  return server.stderr.replace(notice, '')
}

/** A folder for one test file, removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-nbd-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return folder
}

const running = new Set<Program>()
afterEach(async () => {
  for (const program of running) await program.end('SIGKILL')
})

/** The command in a process of its own, with all that it printed. */
export class Program {
  stdout = ''
  stderr = ''
  readonly process: ChildProcess
  readonly #exit: Promise<unknown[]>

  /** @param under a shell command that ends with running "$@" */
  constructor(args: readonly string[], under?: string) {
    const command = [process.execPath, BIN, ...args]
    const [file, ...rest] = under === undefined ? command : ['sh', '-c', under, 'sh', ...command]
    this.process = spawn(file!, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#exit = once(this.process, 'close')
    this.process.stdout!.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.process.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    running.add(this)
  }

  /** Waits until what was printed contains `text`. @throws Error if it ends without that */
  async printed(text: string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    while (!this[stream].includes(text)) {
      const ended = this.#exit.then(() => true)
      const data = once(this.process[stream]!, 'data').then(() => false)
      if (await Promise.race([ended, data])) {
        if (this[stream].includes(text)) return
        throw new Error(`"${text}" was not printed: ${this.stdout}${this.stderr}`)
      }
    }
  }

  /** Waits for its end. Returns the exit status, or the signal that ended it. */
  async ended(): Promise<number | string> {
    const [status, signal] = await this.#exit
    running.delete(this)
    return (status ?? signal) as number | string
  }

  end(signal: NodeJS.Signals): Promise<number | string> {
    this.process.kill(signal)
    return this.ended()
  }

  get pid(): number {
    return this.process.pid!
  }
}

/** Starts `aiokit-nbd serve` and returns when it listens. */
export async function serve(args: readonly string[], under?: string): Promise<Program> {
  const program = new Program(['serve', ...args], under)
  await program.printed('listening on ')
  return program
}
