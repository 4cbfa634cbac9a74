import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { cpuNsOf } from '../../cpu.ts'
import { qemuError, Unavailable } from '../../row.ts'

const PATIENCE_MS = 10_000

/** How to start a server of `image` that listens on the Unix socket `socket`, in the foreground. */
export interface NbdCommand {
  program: string
  args(image: string, socket: string): readonly string[]
  /** What to install to have it. */
  install: string
}

/** A server in a process of its own. */
export class NbdServer implements AsyncDisposable {
  readonly uri: string
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #socket: string
  #failure: Error | null = null
  readonly #remove = () => {
    this.#child.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** @throws Unavailable if it is not installed or cannot do here what it is to; Error if it ends before it listens */
  static async start(command: NbdCommand, image: string): Promise<NbdServer> {
    const server = new NbdServer(command, image)
    try {
      await server.#listening()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor({ program, args, install }: NbdCommand, image: string) {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'aiokit-bench-'))
    this.#socket = path.join(this.#folder, 'socket')
    this.uri = `nbd+unix:///?socket=${this.#socket}`
    this.#child = spawn(program, args(image, this.#socket), { stdio: ['ignore', 'ignore', 'pipe'] })
    // Also when the sample is ended in the middle.
    process.on('exit', this.#remove)
    this.#child.once('error', () => {
      this.#failure = new Unavailable(`needs ${program}: install ${install}`)
    })
    let said = ''
    this.#child.stderr!.setEncoding('utf8').on('data', (text) => {
      said += text
      process.stderr.write(text)
    })
    this.#child.once('close', (status) => {
      this.#failure ??= qemuError(`${program} ended with ${status} before it listened: ${said.trim()}`)
    })
  }

  /** The most memory that it has had so far, in bytes: VmHWM of proc_pid_status(5). */
  peakBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return 1024 * Number(/^VmHWM:\s*(\d+) kB/m.exec(status)![1])
  }

  /** For how many nanoseconds it has had a processor so far, in steps of 10 ms. */
  cpuNs(): number {
    return cpuNsOf(this.#child.pid!)
  }

  async #listening(): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await setTimeout(10)) {
      if (this.#failure !== null) throw this.#failure
      const client = connect(this.#socket)
      try {
        await once(client, 'connect')
        return
      } catch {
        // Not yet.
      } finally {
        client.destroy()
      }
    }
    throw new Error(`nobody listened on ${this.#socket} within ${PATIENCE_MS / 1000} s`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill()
      await once(this.#child, 'exit')
    }
    process.off('exit', this.#remove)
    this.#remove()
  }
}
