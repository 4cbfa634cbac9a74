import { workerData } from 'node:worker_threads'
import { check, F_DUPFD_CLOEXEC, fcntl, own } from '@aiokit/sys'
import type { ThreadData } from './messages.ts'
import { PoolMemory } from './pool-memory.ts'
import { PoolThread } from './pool-thread.ts'

const data = workerData as ThreadData
const memory = new PoolMemory(data.memory)
// First of all: from here on the owner hears of the end of this thread, whatever it is.
own(check(fcntl(data.lifeline, F_DUPFD_CLOEXEC, 0), 'fcntl'))
memory.setStarted(data.thread, true)
void new PoolThread(memory, data).run()
