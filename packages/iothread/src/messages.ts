import type { MessagePort } from 'node:worker_threads'
import type { AioContextHandle, BottomHalfHandle, PollSettings } from '@aiokit/aio'
import type { Task, ThrownMessage } from '@aiokit/task'

/** What a thread is started with. */
export interface ThreadData {
  readonly port: MessagePort
  /** For traces. */
  readonly name: string
  readonly context: Task
  readonly contextOptions: unknown
  readonly poll: PollSettings
  /** A URL. */
  readonly module: string | undefined
}

export interface CallMessage {
  readonly id: number
  readonly task: Task
  readonly argument: unknown
}

/** What the owner sends: something is to be called, a call is not wanted any more, the thread is to stop. */
export type OwnerMessage = CallMessage | { readonly abort: number } | { readonly stop: true }

/** The context is there, and the bottom half that is scheduled when messages were sent. */
interface ReadyMessage {
  readonly context: AioContextHandle
  readonly arrived: BottomHalfHandle
}

/** What came of a call. */
export type AnswerMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly thrown: ThrownMessage }

/** What a thread sends of its own end, if it has time to: `how` is null if it was asked to stop. */
export interface Obituary {
  readonly how: string | null
  readonly cause?: ThrownMessage
}

/** What the thread sends. */
export type ThreadMessage = ReadyMessage | AnswerMessage | Obituary
