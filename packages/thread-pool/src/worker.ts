import { workerData } from 'node:worker_threads'
import { own } from '@aiokit/sys'
import type { ThreadData } from './messages.ts'
import { PoolThread } from './pool-thread.ts'

const data = workerData as ThreadData
// First of all: from here on the owner hears of the end of this thread, whatever it is.
own(data.lifeline)
void new PoolThread(data).run()
