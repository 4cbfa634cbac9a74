// The program of a pool's threads. It is made into one CommonJS file with all that it imports: while Node loads ECMAScript
// modules it has files open, which nobody closes if the thread is ended then, and takes as long again to start.
import { workerData } from 'node:worker_threads'
import { check, duplicate } from '@aiokit/sys'
import { joinTrace, threadName } from '@aiokit/trace'
import type { ThreadData } from './messages.ts'
import { PoolMemory } from './pool-memory.ts'
import { PoolThread } from './pool-thread.ts'
import { ThreadStates } from './thread-states.ts'

const data = workerData as ThreadData
const memory = new PoolMemory(data.memory)
// First of all: from here on the owner hears of the end of this thread, whatever it is.
check(duplicate(data.lifeline), 'fcntl')
const states = new ThreadStates(memory)
states.setStarted(data.thread, true)
joinTrace()
if (threadName.hasSubscribers) threadName.publish({ name: data.name })
void new PoolThread(memory, states, data).run()
