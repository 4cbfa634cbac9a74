import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { hasIoUring } from '@aiokit/testing'
import { afterEach } from 'vitest'

/** Every example is run on each of them. */
export const MONITORS: readonly string[] = hasIoUring() ? ['poll', 'epoll', 'io_uring'] : ['poll', 'epoll']

export interface ExampleOptions {
  monitor: string
  args?: readonly string[]
  /** A command in front of it. */
  under?: (command: string) => [string, ...string[]]
  /** Descriptors that it gets as 3, 4, ... */
  descriptors?: readonly number[]
}

const running = new Set<Example>()
afterEach(() => {
  for (const example of running) example.process.kill('SIGKILL')
})

/** An example in a process of its own, as a person would run it, with all that it has printed. */
export class Example {
  readonly process: ChildProcess
  output = ''
  stderr = ''
  readonly #ended: Promise<unknown[]>
  #isOver = false

  constructor(name: string, { monitor, args = [], under, descriptors = [] }: ExampleOptions) {
    const file = fileURLToPath(new URL(`../src/${name}.mjs`, import.meta.url))
    const plain: [string, ...string[]] = [process.execPath, file, ...args]
    const [command, ...rest] = under === undefined ? plain : under(plain.join(' '))
    this.process = spawn(command, rest, {
      stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
      env: { ...process.env, NODE_OPTIONS: '', AIOKIT_FDMON: monitor },
    })
    this.#ended = once(this.process, 'close')
    running.add(this)
    this.process.once('close', () => {
      this.#isOver = true
      running.delete(this)
    })
    this.process.stdout!.setEncoding('utf8').on('data', (text) => {
      // What a terminal makes of a line's end is of no matter.
      this.output += text.replaceAll('\r', '')
    })
    this.process.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
  }

  get lines(): string[] {
    return this.output.trimEnd().split('\n')
  }

  /** Waits until it has printed that. @throws if it ends before */
  async said(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.output.match(pattern)
      if (match !== null) return match
      if (this.#isOver)
        throw new Error(`It ended without ${pattern}, and printed:\n${this.output}${this.stderr}`)
      await Promise.race([once(this.process.stdout!, 'data'), this.#ended])
    }
  }

  /** Waits for its end. @returns its exit status or the signal that ended it, and what it complained of */
  async end(): Promise<{ status: unknown; stderr: string }> {
    const [status, signal] = await this.#ended
    return { status: status ?? signal, stderr: this.stderr }
  }
}

/** What a program that ended as it should ends with. */
export const CLEAN = { status: 0, stderr: '' }
