import { randomUUID } from 'node:crypto'
import { isMainThread } from 'node:worker_threads'
import type { BottomHalf, BottomHalfHandle } from '@aiokit/bottom-halves'
import { importTask, loadTask, type Task, type TaskFunction } from '@aiokit/task'
import { isHostedNow } from './hosted-call.ts'
import type { Loop } from './loop.ts'
import { TaskChannel, type TaskMessage } from './task-channel.ts'

/** What `RemoteContext` needs to send tasks to a context. */
export interface RemoteTasksHandle {
  readonly channel: string
  readonly arrived: BottomHalfHandle
}

/** Messages that one run takes: those who send must not keep others from being served. */
const BATCH = 256

/** Functions that are remembered; others are looked up again. */
const MAX_FUNCTIONS = 1024

/**
 * The one-shot bottom halves that other threads schedule on a context (rule B7): they are functions of modules, which
 * arrive by a channel, announced by a shared bottom half.
 *
 * A module is loaded at once, with require(): whoever polls may be waiting for the task and run no promises. But Node 20 and
 * 22 crash when a worker is terminated while require() links an ECMAScript module, so a worker whose loop Node runs loads
 * it with import(), as I/O threads and those of pools do.
 */
export class RemoteTasks {
  readonly #loop: Loop
  readonly #name: string = `aiokit:${randomUUID()}`
  readonly #channel: TaskChannel
  readonly #arrived: BottomHalf
  /** What import() has given, by module and export. */
  readonly #imported: Map<string, TaskFunction> = new Map<string, TaskFunction>()
  /** Those behind it stay in the channel until it is there. */
  #isImporting = false
  /** The next one, put back. */
  #put: TaskMessage | null = null
  #closed = false

  constructor(loop: Loop) {
    this.#loop = loop
    this.#arrived = loop.bottomHalves.create(() => this.#receive(), { name: 'remote tasks', shared: true })
    this.#channel = new TaskChannel(this.#name, true)
  }

  get handle(): RemoteTasksHandle {
    return { channel: this.#name, arrived: this.#arrived.handle }
  }

  close(): void {
    this.#closed = true
    this.#arrived.delete()
    this.#channel.close()
  }

  #receive(): void {
    for (let taken = 0; taken < BATCH; taken++) {
      if (this.#isImporting) return
      const message = this.#put ?? this.#channel.receive()
      this.#put = null
      if (message === null) return
      const run = this.#imported.get(keyOf(message.task))
      if (run !== undefined) this.#schedule(message, () => run)
      else if (!this.#mayImport) this.#schedule(message, loadTask)
      else if (taken === 0) void this.#import(message)
      else {
        // When those before it have run: one of them may wait for it, in a nested poll that loads it at once.
        this.#put = message
        break
      }
    }
    this.#arrived.schedule()
  }

  /** Each of them a bottom half of its own, so that one that throws leaves the others in order (rule X1). */
  #schedule({ task, argument }: TaskMessage, load: (task: Task) => TaskFunction): void {
    this.#loop.bottomHalves.scheduleOneshot(() => void load(task)(argument), task.exportName)
  }

  /** Not in a nested poll, or in one by hand: promises run when they have returned. */
  get #mayImport(): boolean {
    return !isMainThread && this.#loop.depth === 1 && isHostedNow(this.#loop)
  }

  async #import(message: TaskMessage): Promise<void> {
    this.#isImporting = true
    // The thread is not to end before it has run.
    this.#loop.owner.beginWork()
    let load: () => TaskFunction
    try {
      const run = await importTask(message.task)
      this.#imported.set(keyOf(message.task), run)
      if (this.#imported.size > MAX_FUNCTIONS) this.#imported.delete(this.#imported.keys().next().value!)
      load = () => run
    } catch (error) {
      load = () => {
        throw error
      }
    }
    this.#isImporting = false
    if (!this.#closed) {
      this.#schedule(message, load)
      this.#arrived.schedule()
    }
    this.#loop.owner.endWork()
  }
}

function keyOf({ exportName, module }: Task): string {
  return `${exportName} ${module}`
}
