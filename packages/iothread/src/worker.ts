import { workerData } from 'node:worker_threads'
import type { ThreadData } from './messages.ts'
import { Thread } from './thread.ts'

new Thread(workerData as ThreadData).start()
