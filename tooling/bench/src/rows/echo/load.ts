import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildFloor } from '../../floor.ts'
import { type Request, type Sample, Unavailable } from '../../row.ts'

/** What of the load's answer is the row's: time on the wall, or for which the server had a processor. */
export type Time = 'wall' | 'processor'

/**
 * The load, in a process of its own: floor/echo-load.c, the same for every server. It ends its connections when it has its
 * answer, which is in a file, so that a server can wait for it without Node's loop.
 */
export class Load implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'aiokit-bench-'))
  readonly #answer = path.join(this.#folder, 'answer')
  readonly #child: ChildProcess
  readonly #remove = () => rmSync(this.#folder, { recursive: true, force: true })

  /**
   * @param port where the server listens, on 127.0.0.1
   * @param pid the server
   */
  constructor({ case: name, ops, warmup }: Request, port: number, pid: number) {
    process.on('exit', this.#remove)
    const output = openSync(this.#answer, 'w')
    const args = [name, ops, warmup, port, pid].map(String)
    this.#child = spawn(buildFloor('echo-load'), args, { stdio: ['ignore', output, 'inherit'] })
    closeSync(output)
  }

  /** After the last connection has ended. */
  sample(time: Time, ops: number): Sample {
    const text = readFileSync(this.#answer, 'utf8')
    if (text === '') throw new Error('the load broke off')
    const answer = JSON.parse(text) as Record<Time, number> & { unavailable?: string }
    if (answer.unavailable !== undefined) throw new Unavailable(answer.unavailable)
    return { ns: answer[time], ops }
  }

  [Symbol.dispose](): void {
    this.#child.kill()
    process.off('exit', this.#remove)
    this.#remove()
  }
}
