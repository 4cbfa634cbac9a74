import type { MessagePort } from 'node:worker_threads'
import type { BottomHalfHandle } from '@aiokit/bottom-halves'
import type { NotifyGateHandle } from '@aiokit/notifier'
import type { ThrownMessage } from '@aiokit/task'
import type { NumberedTask } from './task-numbers.ts'

/** What a thread is started with. */
export interface ThreadData {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  /** For traces. */
  readonly name: string
  /** Path of the native binary: @aiokit/sys takes it from here. */
  readonly aiokitNative: string
  readonly port: MessagePort
  /** To be duplicated: when this is closed everywhere, because the thread has ended, the other end hangs up. */
  readonly lifeline: number
  readonly gate: NotifyGateHandle
  readonly states: Int32Array
  readonly finished: BottomHalfHandle
  readonly measure: boolean
}

/** What the owner sends to a thread that wants it: its task, and the argument if it is not in shared memory. */
export interface RequestMessage {
  readonly slot: number
  readonly task: NumberedTask
  readonly argument: unknown
}

/** What a thread sends of a request that has ended. */
export type EndMessage =
  | { readonly slot: number; readonly result: unknown }
  | { readonly slot: number; readonly thrown: ThrownMessage }

/** What a thread sends of its own end, if it has time to. */
export interface Obituary {
  readonly why: string
  readonly thrown?: ThrownMessage
}

/** What a thread sends to the owner. */
export type ThreadMessage = EndMessage | Obituary
