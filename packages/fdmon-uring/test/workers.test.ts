import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { openDescriptors, runScript } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { closeAll, listener } from './harness.ts'

const fixture = new URL('fixtures/ring-worker.mjs', import.meta.url)

const descriptorFixture = new URL('fixtures/descriptor-worker.mjs', import.meta.url)

async function endOne(mode: string): Promise<void> {
  const worker = new Worker(fixture, { workerData: { mode } })
  // Both at once: where this thread is late, one call tells it of the message and of the end.
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  if (mode !== 'exit') void worker.terminate()
  await exited
}

test.each([
  ['asleep', 70],
  ['busy', 20],
  ['exit', 10],
])(
  'X4: a worker (%s) that ends with 1,000 requests in flight, %i times, leaves nothing behind',
  async (mode, times) => {
    await endOne(mode)
    const descriptors = openDescriptors()
    const before = process.memoryUsage.rss()
    for (let i = 0; i < times; i++) await endOne(mode)
    expect(openDescriptors()).toBe(descriptors)
    expect(sys.ioUringCount()).toBe(0)
    // A ring and its buffers, kept for each, would be more.
    expect(process.memoryUsage.rss() - before).toBeLessThan(times * 3e6)
  },
  100_000,
)

/** What `take` returns when the worker says that it can be ended. */
async function endDescriptorWorker<T>(workerData: object, take: () => T): Promise<T> {
  const worker = new Worker(descriptorFixture, { workerData })
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  const taken = take()
  void worker.terminate()
  await exited
  return taken
}

test.each(
  ['unread', 'undelivered', 'in a handler', 'in flight'].flatMap((mode) =>
    [8, 256].map((entries) => [mode, entries] as const),
  ),
)(
  'X4: descriptors that requests of a worker have opened and accepted are closed if it ends first (%s, queue of %i)',
  async (mode, entries) => {
    const end = async () => {
      const [socket, address] = listener()
      const during = await endDescriptorWorker({ mode, entries, listener: socket, address }, openDescriptors)
      closeAll(socket)
      return during
    }
    await end()
    const before = openDescriptors()
    const during = await end()
    // The clients', and those that the requests have brought. Multishot ends where the completion queue does.
    expect(during - before).toBeGreaterThanOrEqual(mode === 'in flight' ? 200 : 250)
    expect(openDescriptors()).toBe(before)
  },
  30_000,
)

test('X4: a descriptor that a request has closed is not closed again when the thread ends that had owned it', async () => {
  const [socket, address] = listener()
  const closing = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC), 'eventfd')
  const taken = await endDescriptorWorker(
    { mode: 'closing', entries: 256, listener: socket, address, closing },
    () => sys.fcntl(socket, sys.F_DUPFD_CLOEXEC, closing),
  )
  expect(taken).toBe(closing)
  expect(sys.fcntl(taken, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
  closeAll(socket, taken)
})

test('X4: a process that exits with requests in flight exits, with its own status', () => {
  const { status, signal, stderr } = runScript(`await import(${JSON.stringify(fixture.href)})`, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  })
  expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' })
})

test('X4: a process exits from inside a handler, and one whose ring was forgotten ends by itself', () => {
  const script = (end: string) => `
    import { FdTable } from '@aiokit/fdmon'
    import * as sys from '@aiokit/sys'
    import { uringMonitor } from './dist/index.js'
    const fds = new FdTable(uringMonitor(), () => {})
    const pipe = new Int32Array(32)
    sys.pipe2(pipe, sys.O_CLOEXEC)
    const ring = fds.monitor
    for (let i = 0; i < 1000; i++)
      ring.addSqe((sqe) => sqe.prepRead(pipe[0], new Uint8Array(10), -1), { complete() {} })
    ring.addSqe((sqe) => sqe.prepNop(), { complete() { ${end} } })
    fds.wait(-1)
    ring.dispatch()`
  for (const [end, expected] of [
    ['process.exit(3)', 3],
    ['process.exitCode = 4', 4],
  ] as const) {
    const { status, signal } = runScript(script(end), { cwd: fileURLToPath(new URL('..', import.meta.url)) })
    expect([status, signal]).toEqual([expected, null])
  }
})
