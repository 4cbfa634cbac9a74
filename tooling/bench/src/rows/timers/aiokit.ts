import { AioContext, realtime, type Timer } from 'aiokit'
import type { Measure } from '../../row.ts'
import { measureTimers } from './measure.ts'

const ctx = new AioContext()
let timers: Timer[] = []
let delays: Uint32Array = new Uint32Array(0)
let left = 0
const callback = () => {
  left--
}

export const measure: Measure = measureTimers({
  arm(delaysMs) {
    const count = delaysMs.length
    delays = delaysMs
    timers = new Array(count)
    for (let i = 0; i < count; i++) {
      const timer = ctx.createTimer(realtime, callback)
      timer.mod(realtime.now() + 1e6 * delays[i]!)
      timers[i] = timer
    }
    left = count
  },
  rearm() {
    for (let i = 0; i < timers.length; i++) timers[i]!.mod(realtime.now() + 1e6 * delays[i]!)
  },
  delete() {
    for (let i = 0; i < timers.length; i++) timers[i]!.del()
  },
  expire() {
    while (left > 0) ctx.poll(true)
  },
})
