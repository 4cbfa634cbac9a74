import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { openDescriptors, runScript } from '@aiokit/testing'
import { expect, test } from 'vitest'

const fixture = new URL('fixtures/ring-worker.mjs', import.meta.url)

async function endOne(mode: string): Promise<void> {
  const worker = new Worker(fixture, { workerData: { mode } })
  // From the start: one that exits by itself may do so together with its message.
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
