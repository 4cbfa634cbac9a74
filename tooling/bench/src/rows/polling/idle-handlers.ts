import { AioContext, type PollParams } from 'aiokit'
import { type MonitorName, monitorOf } from '../../monitor.ts'
import type { Measure } from '../../row.ts'
import { timeLoop, wallNow } from '../../timing.ts'
import { orLackOfDescriptors } from '../../watched.ts'
import { Bell } from './bell.ts'
import { BELL_BYTES, Ringer } from './ringer.ts'

/** After which silence a handler is not polled for any more (rule P7), and a little. */
const SILENCE_NS = 7.5e9

export interface Idle {
  count: number
  /** Whether they are silent for so long that they are not polled for any more, where the monitor sees what comes of them. */
  left: boolean
}

/** @param poll of the context */
export function idleHandlers(monitor: MonitorName, poll: PollParams, idle: (name: string) => Idle): Measure {
  return (request) => {
    const { count, left } = idle(request.case)
    using ctx = new AioContext({ fdmon: monitorOf(monitor), poll })
    const memory = new SharedArrayBuffer((count + 1) * BELL_BYTES)
    let heard = 0
    const ringers: Ringer[] = []
    for (let i = 0; i <= count; i++) {
      // Their descriptors end with the process.
      const bell = orLackOfDescriptors(count, () => new Bell(ctx, () => void heard++, memory, i * BELL_BYTES))
      ringers.push(new Ringer(bell.handle))
    }
    const ring = (ringer: Ringer) => {
      const expected = heard + 1
      ringer.ring()
      while (heard < expected) ctx.poll(true)
    }
    // Each was ready once, and so is among those that are polled for.
    for (const ringer of ringers) ring(ringer)
    const busy = ringers[0]!
    if (left) for (const end = wallNow() + SILENCE_NS; wallNow() < end; ) ring(busy)
    return timeLoop(request, (ops) => {
      for (let i = 0; i < ops; i++) ring(busy)
    })
  }
}
