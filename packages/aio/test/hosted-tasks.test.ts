import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { defineTask } from '@aiokit/task'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { type AioContextHandle, RemoteContext } from '../src/index.ts'
import { hosted } from './hosted.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-aio-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Append {
  to: Int32Array
  value: number
  count?: number
}
const fixture = (name: string) => new URL(`./fixtures/${name}.mjs`, import.meta.url)
const task = (module: string, name = 'append') => defineTask<Append, void>(fixture(module), name)

/** Where the list has a word that a worker waits for. */
const HOLD = 999

/** A worker that is sent tasks, and the list that they append to: its length first. */
class Elsewhere implements AsyncDisposable {
  readonly list = new Int32Array(new SharedArrayBuffer(4 * 1000))
  readonly errors: { code?: string; message: string }[] = []
  readonly worker: Worker
  remote!: RemoteContext

  private constructor(monitor: string, host: string) {
    const workerData = { monitor, host, list: this.list }
    this.worker = new Worker(fixture('hosted-tasks'), { workerData, execArgv: [] })
  }

  static async start(monitor: string, host: string): Promise<Elsewhere> {
    const one = new Elsewhere(monitor, host)
    const [{ handle }] = (await once(one.worker, 'message')) as [{ handle: AioContextHandle }]
    one.worker.on('message', (error) => void one.errors.push(error))
    one.remote = RemoteContext.from(handle)
    return one
  }

  /** Waits until there are `count` numbers. */
  async has(count: number): Promise<number[]> {
    while (Atomics.load(this.list, 0) < count) await new Promise(setImmediate)
    return [...this.list.subarray(1, count + 1)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.remote.close()
    const ended = once(this.worker, 'exit')
    this.worker.postMessage('close')
    expect(await ended).toEqual([0])
  }
}

describe.each(hosted)('a worker with a context on %s by %s()', (monitor, host) => {
  test('B7: runs tasks in the order in which they were scheduled, however long each takes to load', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('remote-tasks', 'late-tasks', 'other-tasks'), { maxLength: 12 }),
        async (modules) => {
          await using elsewhere = await Elsewhere.start(monitor, host)
          const { remote, list } = elsewhere
          for (const [value, module] of modules.entries())
            expect(remote.scheduleOneshot(task(module), { to: list, value })).toBe(true)
          expect(await elsewhere.has(modules.length)).toEqual(modules.map((_, value) => value))
        },
      ),
      { numRuns: 3 },
    )
  })

  test('B7, X1: says what a module lacks, or why it cannot be loaded, and goes on with those behind', async () => {
    await using elsewhere = await Elsewhere.start(monitor, host)
    const { remote, list, errors } = elsewhere
    for (const module of ['remote-tasks', 'late-tasks', 'not-there'])
      remote.scheduleOneshot(task(module, 'missing'), { to: list, value: 0 })
    remote.scheduleOneshot(task('other-tasks'), { to: list, value: 7 })
    await elsewhere.has(4)
    expect(list[4]).toBe(7)
    while (errors.length < 3) await new Promise(setImmediate)
    expect(errors.map(({ code }) => code)).toEqual([
      'ERR_AIO_NO_TASK',
      'ERR_AIO_NO_TASK',
      'ERR_AIO_TASK_MODULE',
    ])
  })

  test('B7, A5: a task waits in a nested poll for others, which are loaded there', async () => {
    await using elsewhere = await Elsewhere.start(monitor, host)
    const { remote, list } = elsewhere
    remote.scheduleOneshot(task('waiting-tasks', 'appendBehind'), { to: list, value: 3, count: 2 })
    remote.scheduleOneshot(task('remote-tasks'), { to: list, value: 1 })
    remote.scheduleOneshot(task('other-tasks'), { to: list, value: 2 })
    expect(await elsewhere.has(3)).toEqual([1, 2, 3])
  })

  test('B7, A5: nor does one that has arrived together with others keep a task from waiting for it', async () => {
    await using elsewhere = await Elsewhere.start(monitor, host)
    const { remote, list } = elsewhere
    const behind = task('waiting-tasks', 'appendBehind')
    remote.scheduleOneshot(behind, { to: list, value: 1, count: 0 })
    await elsewhere.has(1)
    remote.scheduleOneshot(task('waiting-tasks', 'hold'), { to: list, value: 0 })
    // All of this is there when the former has ended, and the last of it is not loaded.
    remote.scheduleOneshot(behind, { to: list, value: 3, count: 2 })
    remote.scheduleOneshot(task('other-tasks'), { to: list, value: 2 })
    Atomics.store(list, HOLD, 1)
    Atomics.notify(list, HOLD)
    expect(await elsewhere.has(3)).toEqual([1, 2, 3])
  })

  test('X4: may be terminated while it loads', async () => {
    let modules = 0
    /** A module that imports others, which takes long to link. */
    const newModule = (depth: number): string => {
      const name = path.join(folder, `${monitor} ${host} ${++modules}.mjs`)
      const imports = Array.from({ length: depth > 0 ? 4 : 0 }, () => newModule(depth - 1))
      const lines = imports.map((each) => `import ${JSON.stringify(each)}\n`)
      writeFileSync(name, `${lines.join('')}export default function none() {}\n`)
      return name
    }
    for (let i = 0; i < 6; i++) {
      const { worker, remote } = await Elsewhere.start(monitor, host)
      for (let j = 0; j < 3; j++) remote.scheduleOneshot(defineTask(newModule(2)), 0)
      for (let turns = 0; turns < 4 * i; turns++) await new Promise(setImmediate)
      await worker.terminate()
      remote.close()
    }
  })
})

test('B7, A1: a task that is loaded keeps its worker until it has run', async () => {
  const list = new Int32Array(new SharedArrayBuffer(8))
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    // Until it is told so, it stays.
    parentPort.once('message', () => {})
    import(workerData.monitors).then(({ newHosted }) => parentPort.postMessage(newHosted('poll', 'attach').handle))`
  const workerData = { monitors: fixture('monitors').href }
  const worker = new Worker(program, { eval: true, workerData })
  const ended = once(worker, 'exit')
  const [handle] = await once(worker, 'message')
  const remote = RemoteContext.from(handle)
  expect(remote.scheduleOneshot(task('late-tasks'), { to: list, value: 5 })).toBe(true)
  // It has nothing else to do from now on.
  worker.postMessage('go on')
  expect(await ended).toEqual([0])
  expect([...list]).toEqual([1, 5])
  remote.close()
})
