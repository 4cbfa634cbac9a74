import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { openDescriptors } from '@aiokit/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Fifo } from '../src/threads/fifo.ts'
import { JobQueue, newQueueMemory, SLOTS } from '../src/threads/job-queue.ts'
import { World } from './backends.ts'

declare const gc: () => void

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-workers-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the queue of jobs', () => {
  /** An owner and one worker of it, which has begun. */
  const begin = () => {
    const words = newQueueMemory()
    const worker = new JobQueue(words)
    worker.announce()
    return { owner: new JobQueue(words), worker }
  }

  test('W3: what is given first is taken first; what was cancelled is not begun', () => {
    const { owner, worker } = begin()
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(SLOTS - 1), { minLength: 1 }),
        fc.array(fc.boolean(), { minLength: SLOTS }),
        (slots, isCancelled) => {
          for (const slot of slots) owner.give(slot)
          for (const slot of slots) if (isCancelled[slot]) expect(owner.cancel(slot)).toBe(true)
          let wakes = 0
          const begun = slots.map((slot) => {
            expect(worker.take()).toBe(slot)
            const isBegun = worker.begin(slot)
            expect(owner.cancel(slot)).toBe(false)
            worker.finish(slot, () => wakes++)
            return isBegun
          })
          expect(begun).toEqual(slots.map((slot) => !isCancelled[slot]))
          expect([...owner.takeDone()]).toEqual(slots)
          expect(wakes, 'for all of them').toBe(1)
        },
      ),
    )
  })

  test('W2: a job is left to a worker that searches, never to one that is busy', () => {
    const { owner, worker } = begin()
    owner.give(1)
    expect(owner.wake(), 'it searches').toBe(0)
    owner.give(2)
    expect(owner.wake(), 'it can do but one').toBe(1)
    expect(worker.take()).toBe(1)
    expect(owner.wake(), 'it is busy').toBe(1)
    worker.finish(1, () => {})
    expect(owner.wake(), 'it searches again').toBe(0)
    expect(worker.take()).toBe(2)
    expect(owner.wake(), 'there is nothing to do').toBe(0)
  })

  test('W9: what no worker has taken is taken back; a worker that is told so ends', () => {
    const { owner, worker } = begin()
    for (const slot of [5, 6]) owner.give(slot)
    expect([owner.takeBack(), owner.takeBack(), owner.takeBack()]).toEqual([5, 6, -1])
    owner.end()
    expect(worker.take()).toBe(-1)
  })
})

test('first in, first out', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat())), (steps) => {
      const fifo = new Fifo<number>()
      const model: number[] = []
      for (const step of steps) {
        if (step === null) expect(fifo.shift()).toBe(model.shift())
        else {
          fifo.push(step)
          model.push(step)
        }
        expect(fifo.length).toBe(model.length)
      }
    }),
  )
})

test('memory that a program has dropped is collected, whoever has worked on it', async () => {
  using world = new World('threads on epoll')
  const fd = openSync(path.join(folder, 'sparse'), 'w+')
  const size = 32 << 20
  ftruncateSync(fd, size)
  const round = async () => {
    const buffer = world.io.allocate(size)
    expect(world.result((done) => world.io.readAio(fd, buffer, 0, done))).toBe(size)
  }
  const collect = async () => {
    gc()
    // What is collected is given back from a task.
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
  await round()
  await collect()
  const before = process.memoryUsage().rss
  for (let i = 0; i < 16; i++) {
    await round()
    await collect()
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(8 * size)
  closeSync(fd)
})

test('X4: hundreds of thousands that wait are each answered once when it is closed', () => {
  const world = new World('threads on epoll')
  const fd = openSync('/proc/self/exe', 'r')
  const count = 200_000
  const answers = new Int32Array(count)
  for (let i = 0; i < count; i++) world.io.fsyncAio(fd, () => answers[i]!++)
  world.io.close()
  world.ctx.close()
  expect(answers.every((times) => times === 1)).toBe(true)
  closeSync(fd)
})

test('U5: cancelled behind all that has a place, it never happens, and the others do', () => {
  using world = new World('threads on epoll')
  const fd = openSync('/proc/self/exe', 'r')
  const results: number[] = []
  const requests = Array.from({ length: 3 * SLOTS }, (_, i) =>
    world.io.fsyncAio(fd, (res) => {
      results[i] = res
    }),
  )
  const isCancelled = (i: number) => i >= SLOTS && i % 3 === 0
  for (const [i, request] of requests.entries()) if (isCancelled(i)) request.cancel()
  world.ctx.waitWhile(() => world.io.pending > 0)
  expect(results).toEqual(results.map((_, i) => (isCancelled(i) ? -sys.ECANCELED : 0)))
  closeSync(fd)
})

test('X6: a thread that is ended while its workers start leaves no descriptor', async () => {
  const fixture = new URL('fixtures/file-worker.mjs', import.meta.url)
  const fd = openSync('/proc/self/exe', 'r')
  const round = async () => {
    const worker = new Worker(fixture, { workerData: { fd }, execArgv: [] })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
  }
  await round()
  const before = openDescriptors()
  for (let i = 0; i < 15; i++) await round()
  expect(openDescriptors()).toBe(before)
  closeSync(fd)
})

test('a file of any size is read whole, from memory or from the disk, also with O_DIRECT', () => {
  using world = new World('threads on epoll')
  const { io } = world
  const content = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251)
  const name = path.join(folder, 'content')
  writeFileSync(name, content)
  const sizes = [1, 4096, 1 << 16, (1 << 16) + 1, 150_000, 300_000]
  for (const flags of [0, sys.O_DIRECT]) {
    const fd = sys.openat(sys.AT_FDCWD, Buffer.from(`${name}\0`), flags, 0)
    // A file system may have no O_DIRECT.
    if (fd === -sys.EINVAL) continue
    sys.check(fd, 'openat')
    for (const wanted of sizes) {
      const size = flags === 0 ? wanted : Math.ceil(wanted / 4096) * 4096
      const expected = content.subarray(0, size)
      const own = io.allocate(size)
      const plain = new Uint8Array(size)
      for (const buffer of [own, plain]) {
        expect(world.result((done) => io.readAio(fd, buffer, 0, done))).toBe(expected.length)
        expect(Buffer.compare(buffer.subarray(0, expected.length), expected)).toBe(0)
      }
      const parts = [new Uint8Array(Math.floor(size / 3)), own.subarray(Math.floor(size / 3))]
      if (flags !== 0) continue
      expect(world.result((done) => io.readvAio(fd, parts, 0, done))).toBe(expected.length)
      expect(Buffer.compare(Buffer.concat(parts).subarray(0, expected.length), expected)).toBe(0)
    }
    sys.close(fd)
  }
})

test('X2: a path that is too long is refused, however long', () => {
  using world = new World('threads on epoll')
  const open = (name: string) => world.result((done) => world.io.openatAio(sys.AT_FDCWD, name, 0, 0, done))
  expect(sys.close(open(`/${'./'.repeat(2047)}`))).toBe(0)
  for (const length of [2048, 2049, 10_000]) expect(open(`/${'./'.repeat(length)}`)).toBe(-36)
})
