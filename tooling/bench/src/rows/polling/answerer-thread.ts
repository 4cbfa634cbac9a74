import { parentPort, workerData } from 'node:worker_threads'
import { sys } from 'aiokit'
import type { AnswererData } from './answerer.ts'
import { Ringer } from './ringer.ts'

const { bell, afterNs, asked } = workerData as AnswererData
const ringer = new Ringer(bell)
parentPort!.postMessage('ready')
for (let answered = 0; ; answered++) {
  while (Atomics.load(asked, 0) === answered);
  if (Atomics.load(asked, 0) === -1) break
  for (const end = sys.monotonicNs() + afterNs; sys.monotonicNs() < end; );
  ringer.ring()
}
