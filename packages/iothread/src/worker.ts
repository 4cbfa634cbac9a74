import { workerData } from 'node:worker_threads'
import { threadName } from '@aiokit/trace'
import type { ThreadData } from './messages.ts'
import { Thread } from './thread.ts'

const data = workerData as ThreadData
if (threadName.hasSubscribers) threadName.publish({ name: data.name })
new Thread(data).start()
