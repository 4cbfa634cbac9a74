import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { AioContext, type PollParams } from 'aiokit'
import type { LoadResult } from '../load/load.ts'
import type { AioName, FdmonName } from '../names.ts'
import { Refusal } from '../refusal.ts'
import { runLoop } from '../run-loop.ts'
import { ImageFile } from '../server/image-file.ts'
import type { LoopInfo } from '../server/loops.ts'
import { NbdServer, type ServerStats } from '../server/nbd-server.ts'
import type { Message, Order } from './messages.ts'

export interface DemoOptions extends Omit<Order, 'socket'> {
  fdmon: FdmonName
  aio: AioName
  iothreads: number
  /** How the server's loops poll before they sleep. */
  poll: PollParams
  /** Is called with the requests that are done, now and then. */
  progress(done: number): void
  /** Asked often: true ends the demo early. */
  stopped(): boolean
}

export interface DemoResult extends LoopInfo {
  load: LoadResult
  /** Of reading the whole disk once more in the end. */
  sweep: LoadResult
  /** What the server has done for `load`. */
  server: ServerStats
}

/**
 * Serves an empty image in a temporary folder to a client process, which checks whatever it reads. Nothing is left of
 * it when this is over, however it ends.
 *
 * @returns null if it was stopped
 * @throws Refusal if the client fails, and what else can go wrong with files and sockets
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult | null> {
  const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-nbd-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  // For what ends the process without coming back here, such as an error that nobody caught.
  process.on('exit', remove)
  try {
    const file = path.join(folder, 'disk.img')
    writeFileSync(file, '')
    truncateSync(file, options.size)
    const image = new ImageFile(file, false)
    try {
      return await serveTo(image, path.join(folder, 'nbd.sock'), options)
    } finally {
      image.close()
    }
  } finally {
    remove()
    process.off('exit', remove)
  }
}

async function serveTo(file: ImageFile, socket: string, options: DemoOptions): Promise<DemoResult | null> {
  const { size, clients, depth, requests, fdmon, aio, iothreads, poll } = options
  const ctx = new AioContext({ name: 'aiokit-nbd demo', fdmon, io: { aio }, poll, measure: true })
  const server = await NbdServer.start(ctx, {
    file,
    address: { path: socket },
    exportName: '',
    fdmon,
    aio,
    iothreads,
    poll,
    warn: (message) => console.error(message),
  })
  const client = new ClientProcess({ socket, size, clients, depth, requests }, options.progress)
  const until = async (condition: () => boolean): Promise<boolean> => {
    await runLoop(ctx, () => condition() || options.stopped() || server.failure !== null)
    if (server.failure !== null) throw server.failure
    return !options.stopped()
  }
  try {
    if (!(await until(() => client.load !== null || client.isOver))) return null
    const stats = await server.stats()
    client.sweep()
    if (!(await until(() => client.isOver))) return null
    return { ...client.result, ...server.info, server: stats }
  } finally {
    await server.close()
    await client.kill()
  }
}

class ClientProcess {
  readonly #process: ChildProcess
  readonly #exit: Promise<unknown>
  /** What came of the requests, once they are done. */
  load: LoadResult | null = null
  #outcome: Message | null = null

  constructor(order: Order, progress: (done: number) => void) {
    const module = fileURLToPath(new URL('./client-process.js', import.meta.url))
    this.#process = fork(module, [JSON.stringify(order)], { serialization: 'advanced' })
    this.#exit = once(this.#process, 'exit').then(() => {
      this.#outcome ??= { kind: 'failure', reason: 'the client process has died' }
    })
    this.#process.on('message', (message: Message) => {
      if (message.kind === 'progress') progress(message.done)
      else if (message.kind === 'loaded') this.load = message.load
      else this.#outcome = message
    })
  }

  get isOver(): boolean {
    return this.#outcome !== null
  }

  /** @throws Refusal if it failed */
  get result(): { load: LoadResult; sweep: LoadResult } {
    const outcome = this.#outcome
    if (this.load !== null && outcome?.kind === 'swept') return { load: this.load, sweep: outcome.sweep }
    throw new Refusal(outcome?.kind === 'failure' ? outcome.reason : 'the client process is not done')
  }

  /** Has it read the whole disk, when `load` is there. */
  sweep(): void {
    // Should it have died, its end says so.
    this.#process.send('sweep', undefined, undefined, () => {})
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exit
  }
}
