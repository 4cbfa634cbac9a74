// The program of a worker: takes jobs for as long as there are any to come.
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { EventNotifier } from '@aiokit/notifier'
import { ECANCELED } from '@aiokit/sys'
import { JOB_RESULT, JOB_SLAB, type JobMemory, JobQueue } from './threads/job-queue.ts'
import { runJob } from './threads/run-job.ts'

/** What the owner gives a worker. */
export interface WorkerData extends JobMemory {
  /** The owner's EventNotifier. */
  readonly wakeFd: number
  /** Memory comes here, before the first job that uses it. */
  readonly slabs: MessagePort
}

export interface SlabMessage {
  readonly slab: number
  readonly memory: SharedArrayBuffer
}

const { wakeFd, slabs, ...memory } = workerData as WorkerData
const queue = new JobQueue(memory)
const owner = EventNotifier.fromFd(wakeFd)
/** By number; 0 is for jobs without memory. */
const known: Uint8Array[] = [new Uint8Array(0)]

queue.announce()
for (let slot = queue.take(); slot >= 0; slot = queue.take()) {
  const at = queue.at(slot)
  if (queue.begin(slot)) runJob(queue.jobs, at, slab(queue.jobs[at + JOB_SLAB]!))
  else queue.jobs[at + JOB_RESULT] = -ECANCELED
  queue.finish(slot, owner)
}
slabs.close()

function slab(number: number): Uint8Array {
  while (known[number] === undefined) {
    const { slab, memory } = receiveMessageOnPort(slabs)!.message as SlabMessage
    known[slab] = new Uint8Array(memory)
  }
  return known[number]
}
