import { parentPort, workerData } from 'node:worker_threads'
import { Ringer } from './ringer.ts'
import type { TickerData } from './ticker.ts'

const { bell, periodNs, end } = workerData as TickerData
const ringer = new Ringer(bell)
parentPort!.postMessage('ready')
while (Atomics.wait(end, 0, 0, periodNs / 1e6) === 'timed-out') ringer.ring()
