import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { Task } from '@aiokit/task'

/** What goes through the channel. */
export interface TaskMessage {
  readonly task: Task
  readonly argument: unknown
}

/**
 * The way of tasks to a context. Of all kinds of ports it is the one that any number of threads can open without being
 * given it; in exchange everybody who sends also receives what the others send.
 */
export class TaskChannel {
  readonly #channel: BroadcastChannel
  /** What Node's loop, where it turns, took out of the channel before `receive()` did. */
  readonly #taken: TaskMessage[] = []

  constructor(name: string) {
    this.#channel = new BroadcastChannel(name)
    this.#channel.onmessage = (event) => void this.#taken.push((event as { data: TaskMessage }).data)
    this.#channel.unref()
  }

  /** It has arrived when this returns. @throws DataCloneError */
  send(message: TaskMessage): void {
    this.#channel.postMessage(message)
  }

  /** The next message, or null. Works in a thread that never turns its Node loop. */
  receive(): TaskMessage | null {
    const taken = this.#taken.shift()
    if (taken !== undefined) return taken
    // Documented to take both, and typed for one.
    const received = receiveMessageOnPort(this.#channel as unknown as MessagePort)
    return (received as { message: TaskMessage } | undefined)?.message ?? null
  }

  close(): void {
    this.#channel.close()
  }
}
