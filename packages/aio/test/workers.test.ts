import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { openDescriptors, runScript } from '@aiokit/testing'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('..', import.meta.url))
const fixture = new URL('./fixtures/context-worker.mjs', import.meta.url)

type Work = 'sleep' | 'leave open'

/** A worker with a context, once it is there: asleep in poll(true), or at its end without having closed it. */
function worker(monitor: string, work: Work): Worker {
  const started = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(fixture, { workerData: { monitor, work, started } })
  Atomics.wait(started, 0, 0)
  return worker
}

test.each(['poll', 'epoll'])(
  'X4: workers asleep in a poll on %s are terminated, and leave no descriptor behind',
  async (monitor) => {
    await worker(monitor, 'sleep').terminate()
    const before = openDescriptors()
    const workers = Array.from({ length: 10 }, () => worker(monitor, 'sleep'))
    expect(openDescriptors()).toBeGreaterThan(before + 10)
    await Promise.all(workers.map((one) => one.terminate()))
    expect(openDescriptors()).toBe(before)
  },
)

test('X4: a worker that ends with its context open leaves no descriptor behind', async () => {
  const end = () => once(worker('epoll', 'leave open'), 'exit')
  await end()
  const before = openDescriptors()
  await Promise.all([end(), end(), end(), end()])
  expect(openDescriptors()).toBe(before)
})

test.each(['poll', 'epoll'])('X4: the process ends while a worker is asleep in a poll on %s', (monitor) => {
  const { status, signal, stderr } = runScript(
    `import { Worker } from 'node:worker_threads'
     const started = new Int32Array(new SharedArrayBuffer(4))
     const workerData = { monitor: '${monitor}', work: 'sleep', started }
     new Worker(new URL('${fixture}'), { workerData, execArgv: [] })
     Atomics.wait(started, 0, 0)
     process.exit(7)`,
    { cwd: folder },
  )
  expect([status, signal, stderr]).toEqual([7, null, ''])
})
