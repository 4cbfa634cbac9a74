import { randomUUID } from 'node:crypto'
import type { BottomHalf, BottomHalfHandle, BottomHalfList } from '@aiokit/bottom-halves'
import { loadTask } from '@aiokit/task'
import { TaskChannel } from './task-channel.ts'

/** What `RemoteContext` needs to send tasks to a context. */
export interface RemoteTasksHandle {
  readonly channel: string
  readonly arrived: BottomHalfHandle
}

/** Messages that one run takes: those who send must not keep others from being served. */
const BATCH = 256

/**
 * The one-shot bottom halves that other threads schedule on a context (rule B7): they are functions of modules, which
 * arrive by a channel, announced by a shared bottom half.
 */
export class RemoteTasks {
  readonly #bottomHalves: BottomHalfList
  readonly #name: string = `aiokit:${randomUUID()}`
  readonly #channel: TaskChannel
  readonly #arrived: BottomHalf

  constructor(bottomHalves: BottomHalfList) {
    this.#bottomHalves = bottomHalves
    this.#arrived = bottomHalves.create(() => this.#receive(), { name: 'remote tasks', shared: true })
    this.#channel = new TaskChannel(this.#name, true)
  }

  get handle(): RemoteTasksHandle {
    return { channel: this.#name, arrived: this.#arrived.handle }
  }

  close(): void {
    this.#arrived.delete()
    this.#channel.close()
  }

  #receive(): void {
    for (let taken = 0; taken < BATCH; taken++) {
      const message = this.#channel.receive()
      if (message === null) return
      const { task, argument } = message
      // Each of them a bottom half of its own, so that one that throws leaves the others in order (rule X1).
      this.#bottomHalves.scheduleOneshot(() => void loadTask(task)(argument), task.exportName)
    }
    this.#arrived.schedule()
  }
}
