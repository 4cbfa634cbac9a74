import { Worker } from 'node:worker_threads'
import { check, close, POLLIN, ppoll } from '@aiokit/sys'
import { expect, test } from 'vitest'
import { EventNotifier, NotifyGate } from '../src/index.ts'

/** Waits on the gate as a loop does; returns whether its descriptor was readable. */
function waitOn(gate: NotifyGate, timeoutNs: number): boolean {
  const pollfd = new Int32Array(32)
  pollfd[0] = gate.fd
  pollfd[1] = POLLIN
  return check(ppoll(pollfd, 1, timeoutNs), 'ppoll') === 1
}

test('N1: the eventfd is written only if the owner may sleep', () => {
  using gate = new NotifyGate()
  gate.notify()
  expect([gate.writes, gate.writesAvoided, waitOn(gate, 0)]).toEqual([0, 1, false])
  gate.accept(false)
  gate.beginWait()
  gate.notify()
  expect([gate.writes, gate.writesAvoided, waitOn(gate, 0)]).toEqual([1, 1, true])
})

test('N1: the write is not skipped because a notification was pending', () => {
  using gate = new NotifyGate()
  gate.notify()
  gate.beginWait()
  gate.notify()
  expect(waitOn(gate, 0)).toBe(true)
})

test('N2: a notification before the wait keeps the owner from blocking, none lets it', () => {
  using gate = new NotifyGate()
  expect(gate.beginWait()).toBe(true)
  gate.endWait()
  gate.notify()
  expect(gate.beginWait()).toBe(false)
  gate.endWait()
})

test('N2: waits nest: the end of the inner one leaves the outer one noted', () => {
  using gate = new NotifyGate()
  gate.beginWait()
  gate.beginWait()
  gate.endWait()
  gate.notify()
  expect(waitOn(gate, 0)).toBe(true)
  gate.endWait()
  gate.accept(true)
  gate.notify()
  expect(waitOn(gate, 0)).toBe(false)
})

test('N3: accepting takes the notification and the descriptor; a later one counts again', () => {
  using gate = new NotifyGate()
  gate.beginWait()
  gate.notify()
  gate.endWait()
  gate.accept(true)
  expect([gate.notified, waitOn(gate, 0)]).toEqual([false, false])
  gate.notify()
  expect(gate.notified).toBe(true)
  expect(gate.beginWait()).toBe(false)
})

test('N4: between prepare and check of a host loop the eventfd is written, waits in between change nothing', () => {
  using gate = new NotifyGate()
  expect(gate.hostPrepare()).toBe(true)
  gate.beginWait()
  gate.endWait()
  gate.notify()
  expect(waitOn(gate, 0)).toBe(true)
  gate.hostCheck()
  gate.accept(true)
  gate.notify()
  expect(waitOn(gate, 0)).toBe(false)
  expect(gate.hostPrepare()).toBe(false)
})

test("N4: the owner's own news is written only while a host loop may sleep, and is no notification", () => {
  using gate = new NotifyGate()
  gate.nudge()
  expect([gate.notified, waitOn(gate, 0)]).toEqual([false, false])
  gate.hostPrepare()
  gate.nudge()
  expect([gate.notified, waitOn(gate, 0)]).toEqual([false, true])
})

test('N1, N2, N3: with notifiers in two threads no work is left while the owner sleeps', async () => {
  using gate = new NotifyGate()
  const COUNT = 30_000
  const WORKERS = 2
  const published = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
  const seen = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
  const workers = Array.from({ length: WORKERS }, (_, index) => {
    const workerData = { handle: gate.handle, published, seen, index, count: COUNT }
    return new Worker(new URL('./fixtures/notify.mjs', import.meta.url), { workerData })
  })
  let sleeps = 0
  const look = () => {
    for (let i = 0; i < WORKERS; i++) {
      Atomics.store(seen, i, Atomics.load(published, i))
      Atomics.notify(seen, i)
    }
    return seen.every((count) => count === COUNT)
  }
  while (!look()) {
    const maySleep = gate.beginWait()
    // The workers wait, too, for what they published to be seen: after a lost notification everybody sleeps, for 10 s.
    const signalled = waitOn(gate, maySleep ? 10e9 : 0)
    if (maySleep) {
      sleeps++
      expect(signalled, 'woken within 10 s').toBe(true)
    }
    gate.endWait()
    gate.accept(signalled)
  }
  expect(gate.writes + gate.writesAvoided).toBe(WORKERS * COUNT)
  expect(sleeps).toBeGreaterThan(0)
  for (const worker of workers) await worker.terminate()
})

test('X3, N4: after the owner closed it, between prepare and check, nobody writes to its number', () => {
  const gate = new NotifyGate()
  const remote = new NotifyGate(gate.handle)
  gate.hostPrepare()
  const { fd } = gate
  gate.close()
  using innocent = new EventNotifier()
  expect(innocent.fd).toBe(fd)
  remote.notify()
  expect(innocent.testAndClear()).toBe(false)
})

test('N4: the end of a host loop’s sleep leaves a wait noted', () => {
  using gate = new NotifyGate()
  gate.beginWait()
  gate.hostPrepare()
  gate.hostCheck()
  gate.notify()
  expect(gate.writes).toBe(1)
})

test('X3: what is no handle of a gate is refused', () => {
  for (const handle of [
    null,
    5,
    {},
    { words: new Int32Array(4), notifier: { fd: 1, identity: -1 } },
    { words: new Int32Array(new SharedArrayBuffer(4)), notifier: { fd: 1, identity: -1 } },
    { words: new Int32Array(new SharedArrayBuffer(16)), notifier: { fd: '1', identity: -1 } },
  ]) {
    expect(() => new NotifyGate(handle as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
})

test('X3: the handle of a closed gate is refused, and a gate that other code closed touches its number no more', () => {
  const gate = new NotifyGate()
  gate.close()
  expect(() => gate.handle).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  const lost = new NotifyGate()
  const { fd } = lost
  close(fd)
  lost.abandon()
  using innocent = new EventNotifier()
  expect(innocent.fd).toBe(fd)
  lost.notify()
  lost.close()
  innocent.set()
  expect(innocent.testAndClear()).toBe(true)
})
