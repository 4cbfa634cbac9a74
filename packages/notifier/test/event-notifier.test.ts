import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { check, close, F_GETFD, FD_CLOEXEC, fcntl, write } from '@aiokit/sys'
import { descriptorLimit, runScript } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { EventNotifier } from '../src/index.ts'
import { isReadable } from './readable.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))

test('N7: any number of sets is one true testAndClear, and readable until then', () => {
  using notifier = new EventNotifier()
  expect(isReadable(notifier.fd)).toBe(false)
  expect(notifier.testAndClear()).toBe(false)
  for (let i = 0; i < 3; i++) notifier.set()
  expect(isReadable(notifier.fd)).toBe(true)
  expect(notifier.testAndClear()).toBe(true)
  expect(isReadable(notifier.fd)).toBe(false)
  expect(notifier.testAndClear()).toBe(false)
})

test('N7: it can be made set', () => {
  using notifier = new EventNotifier({ active: true })
  expect(notifier.testAndClear()).toBe(true)
})

test('N7: set does not block or fail when the counter is full', () => {
  using notifier = new EventNotifier()
  check(write(notifier.fd, new BigUint64Array([0xffff_ffff_ffff_fffen])), 'write')
  notifier.set()
  expect(notifier.testAndClear()).toBe(true)
})

test('N7: set from another thread wakes one that is blocked on the descriptor', async () => {
  using notifier = new EventNotifier()
  const worker = new Worker(new URL('./fixtures/set.mjs', import.meta.url), { workerData: notifier.fd })
  // Blocks this thread: the worker starts all the same.
  expect(isReadable(notifier.fd, -1)).toBe(true)
  expect(notifier.testAndClear()).toBe(true)
  expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0)
})

test('fromFd does not own: closing it leaves the descriptor open', () => {
  using owner = new EventNotifier()
  const other = EventNotifier.fromFd(owner.fd)
  other.set()
  other.close()
  expect(owner.testAndClear()).toBe(true)
})

test('X5: the descriptor is close-on-exec', () => {
  using notifier = new EventNotifier()
  expect(fcntl(notifier.fd, F_GETFD, 0)).toBe(FD_CLOEXEC)
})

test('X3: use after close, a descriptor that is gone, and what is no descriptor are errors', () => {
  const notifier = new EventNotifier()
  const other = EventNotifier.fromFd(notifier.fd)
  notifier.close()
  notifier.close()
  expect(notifier.fd).toBe(-1)
  expect(() => notifier.set()).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  expect(() => notifier.testAndClear()).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  expect(() => other.set()).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'write' }))
  expect(() => other.testAndClear()).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'read' }))
  for (const fd of [-1, 1.5, Number.NaN, '3', null, undefined]) {
    expect(() => EventNotifier.fromFd(fd as number)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_AIO_/) }),
    )
  }
})

test('X2: out of descriptors is EMFILE, and nothing is left behind', () => {
  const script = `
    import { EventNotifier } from '@aiokit/notifier'
    const made = []
    try {
      for (;;) made.push(new EventNotifier())
    } catch (error) {
      for (const notifier of made) notifier.close()
      new EventNotifier().close()
      console.log(error.message, made.length > 10)
    }`
  const { stdout, stderr } = runScript(script, { cwd: folder, under: descriptorLimit(64) })
  expect(stdout + stderr).toBe('EMFILE: too many open files, eventfd true\n')
})

test('closing a descriptor that other code has closed is reported', () => {
  const notifier = new EventNotifier()
  close(notifier.fd)
  expect(() => notifier.close()).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('X3: options that make no sense are refused', () => {
  for (const options of [null, 5, { active: 1 }]) {
    expect(() => new EventNotifier(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
})
