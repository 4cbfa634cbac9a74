import type { Measure } from '../../row.ts'
import { measureTimers } from './measure.ts'

let timers: NodeJS.Timeout[] = []
let left = 0
let done = () => {}
const callback = () => {
  if (--left === 0) done()
}

export const measure: Measure = measureTimers({
  arm(delaysMs) {
    const count = delaysMs.length
    timers = new Array(count)
    for (let i = 0; i < count; i++) timers[i] = setTimeout(callback, delaysMs[i])
    left = count
  },
  rearm() {
    for (let i = 0; i < timers.length; i++) timers[i]!.refresh()
  },
  delete() {
    for (let i = 0; i < timers.length; i++) clearTimeout(timers[i])
  },
  expire() {
    return new Promise((resolve) => {
      done = resolve
    })
  },
})
