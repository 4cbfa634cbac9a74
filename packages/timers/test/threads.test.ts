import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { Clock, ManualClock, realtime, virtual } from '../src/index.ts'

/** By thread id, which a worker loses when it ends. */
const workers = new Map<number, Worker>()
afterEach(async () => {
  for (const [id, worker] of workers) {
    await worker.terminate()
    for (const clock of [realtime, virtual]) clock.forgetThread(id)
  }
  workers.clear()
  for (const clock of [realtime, virtual]) clock.setEnabled(true)
})

/** Starts one of fixtures/scenarios.mjs; this thread never blocks, so that a test that fails also ends. */
function start(scenario: string, options: object = {}): Worker {
  const worker = new Worker(new URL('./fixtures/scenarios.mjs', import.meta.url), {
    workerData: { scenario, ...options },
  })
  workers.set(worker.threadId, worker)
  return worker
}

/** What it returns. */
function result(worker: Worker): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

function run(scenario: string, options: object = {}): Promise<Record<string, unknown>> {
  return result(start(scenario, options))
}

function newFlags(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(64))
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function reached(flags: Int32Array, index: number): Promise<void> {
  while (Atomics.load(flags, index) === 0) await nextTurn()
}

describe('T5: the clocks of several threads', () => {
  test('T5: a worker has the virtual clock of its parent, and so does the worker of a worker', async () => {
    virtual.setEnabled(false)
    const now = virtual.now()
    expect(await Promise.all([run('times'), run('nested')])).toEqual([
      { virtual: now, enabled: false },
      { virtual: now, enabled: false },
    ])
  })

  test('T5: any other clock is had through its handle', async () => {
    const custom = new Clock({ name: 'custom', source: () => 5, pausable: true })
    const manual = new ManualClock()
    manual.set(123)
    expect(await run('times_of', { handle: custom.handle, manual: manual.handle })).toEqual({
      custom: 5,
      manual: 123,
    })
  })

  test('T5: stopping a clock returns when a callback that runs in another thread has ended', async () => {
    const flags = newFlags()
    const staying = run('stay', { flags })
    const stopping = run('stop', { flags })
    // The stopper is past everything but the wait once the clock is seen to be stopped.
    await reached(flags, 3)
    while (virtual.enabled) await nextTurn()
    Atomics.store(flags, 1, 1)
    Atomics.notify(flags, 1)
    expect(await stopping).toEqual({ ended: true })
    await staying
  })

  test('T5: while a clock is stopped no callback runs anywhere, however the two coincide', async () => {
    const flags = newFlags()
    const [{ ran }, { wrong }] = (await Promise.all([
      run('churn', { flags }),
      run('interrupt', { flags, rounds: 8000 }),
    ])) as [{ ran: number }, { wrong: number }]
    expect(wrong).toBe(0)
    expect(ran).toBeGreaterThan(0)
  })

  test('T5: two threads that stop the clock of each other from callbacks, or the same clock, both return', async () => {
    for (const [a, b] of [
      ['virtual', 'realtime'],
      ['virtual', 'virtual'],
    ]) {
      const flags = newFlags()
      expect(
        await Promise.all([
          run('stopEachOther', { flags, own: a, other: b }),
          run('stopEachOther', { flags, own: b, other: a }),
        ]),
      ).toEqual([
        { ran: true, enabled: false, counted: a !== b },
        { ran: true, enabled: false, counted: a !== b },
      ])
      for (const clock of [realtime, virtual]) clock.setEnabled(true)
    }
  })

  test('T5: a thread that waits for a clock to stop gives up when another thread starts it again', async () => {
    const flags = newFlags()
    const staying = run('stay', { flags })
    const stopping = run('stop', { flags })
    await reached(flags, 3)
    while (virtual.enabled) await nextTurn()
    virtual.setEnabled(true)
    expect(await stopping).toEqual({ ended: false })
    Atomics.store(flags, 1, 1)
    Atomics.notify(flags, 1)
    await staying
  })

  test('T5: starting a clock wakes a thread that sleeps because its timers stood still', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aiokit-timers-'))
    const path = join(folder, 'fifo')
    execFileSync('mkfifo', [path])
    // Of all descriptors that can be had without native code a FIFO is most like an eventfd: it blocks until written.
    const fd = openSync(path, constants.O_RDWR)
    try {
      virtual.setEnabled(false)
      const flags = newFlags()
      const sleeping = run('sleep', { flags, fd })
      await reached(flags, 0)
      virtual.setEnabled(true)
      expect(await sleeping).toEqual({ before: -1, bytes: 8, woken: 1n, after: 0, ran: 1 })
    } finally {
      // A thread that blocks in read(2) cannot be terminated.
      writeSync(fd, new Uint8Array(8))
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })

  test('T5: the virtual clock never goes back and stands still while stopped, in whichever thread it is read', async () => {
    const flags = newFlags()
    expect(await Promise.all([run('watch', { flags }), run('toggle', { flags, rounds: 20_000 })])).toEqual([
      { back: 0, moved: 0 },
      { back: 0 },
    ])
  })
})

describe('X4: a thread that is terminated', () => {
  test('X4: in the middle of a callback is not waited for once it is forgotten', async () => {
    const flags = newFlags()
    const { handle } = virtual
    const worker = start('stay', { flags, handle })
    const { threadId } = worker
    await reached(flags, 0)
    await worker.terminate()
    expect(virtual.state.othersRun()).toBe(true)
    virtual.forgetThread(threadId)
    expect(virtual.state.othersRun()).toBe(false)
  })

  test('X4: in the middle of stopping a clock leaves it whole, at once when it is forgotten, soon when not', async () => {
    for (const forget of [true, false]) {
      const flags = newFlags()
      const { handle } = new Clock({ name: 'custom', source: () => 77, pausable: true })
      const worker = start('dieStopping', { flags, handle })
      const dead = forget ? worker.threadId : undefined
      await reached(flags, 0)
      await worker.terminate()
      expect(await run('useAfterDeath', { handle, dead })).toEqual({ now: 77, after: 77 })
    }
  })
})
