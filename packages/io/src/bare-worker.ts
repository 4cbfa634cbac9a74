// The program of a worker: takes jobs for as long as there are any to come. It is made into one CommonJS file with all that
// it imports: while Node loads ECMAScript modules it has files open, which nobody closes if the thread is ended then.
import { workerData } from 'node:worker_threads'
import type { Native } from '@aiokit/sys'
import { type JobMemory, runJob } from './threads/job.ts'
import { JobQueue } from './threads/job-queue.ts'

/** What the owner gives a worker. */
export interface WorkerData {
  readonly words: Int32Array<SharedArrayBuffer>
  readonly jobs: JobMemory
  /** The owner's eventfd. */
  readonly wakeFd: number
  /** Path of the native binary. */
  readonly nativePath: string
}

const { words, jobs, wakeFd, nativePath } = workerData as WorkerData
const native: { exports: Native } = { exports: {} as Native }
process.dlopen(native, nativePath)
const sys = native.exports
const queue = new JobQueue(words)
const wakeOwner = () => void sys.eventfdWrite(wakeFd)

queue.announce()
for (let slot = queue.take(); slot >= 0; slot = queue.take()) {
  if (queue.begin(slot)) runJob(sys, jobs, slot)
  queue.finish(slot, wakeOwner)
}
