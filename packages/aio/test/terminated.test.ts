import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { openDescriptors, runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { hosted } from './hosted.ts'

const fixture = new URL('./fixtures/hosted-worker.mjs', import.meta.url)
const folder = fileURLToPath(new URL('..', import.meta.url))

describe.each(hosted)('workers with a context on %s by %s()', (monitor, host) => {
  test('X4: are terminated at any moment, and leave no descriptor behind', async () => {
    const begin = () => {
      const stage = new Int32Array(new SharedArrayBuffer(4))
      return { stage, worker: new Worker(fixture, { workerData: { monitor, host, stage }, execArgv: [] }) }
    }
    const end = async (i: number) => {
      const { stage, worker } = begin()
      // Before there is a context, while it is made, in its callbacks, asleep.
      const deadline = Date.now() + 20_000
      if (i % 4 > 0) {
        while (Atomics.load(stage, 0) < i % 13) {
          // Nobody hears of an error of the worker while this waits.
          if (Date.now() > deadline) throw new Error(`the worker has stopped at stage ${stage[0]}`)
          Atomics.wait(stage, 0, Atomics.load(stage, 0), 1)
        }
      }
      await worker.terminate()
    }
    await end(13)
    const before = openDescriptors()
    for (let i = 0; i < 13; i += 2) await Promise.all([end(i), end(i + 1)])
    expect(openDescriptors()).toBe(before)
  })

  test('X4: end by process.exit() and by nothing left to do, with the context never closed; so does the process', () => {
    for (const how of ['exit', 'done', 'throw', 'process exit']) {
      const { status, signal, stdout, stderr } = runScript(
        `import { Worker } from 'node:worker_threads'
         const stage = new Int32Array(new SharedArrayBuffer(4))
         const workerData = { monitor: '${monitor}', host: '${host}', stage, how: '${how}' }
         const worker = new Worker(new URL('${fixture}'), { workerData, execArgv: [] })
         worker.on('error', (error) => console.log(error.message))
         worker.on('exit', (code) => console.log(code))
         worker.on('message', () => process.exit(3))`,
        { cwd: folder, timeoutMs: 6000 },
      )
      const expected = { exit: '5\n', done: '0\n', throw: 'of a callback\n1\n', 'process exit': '' }[how]
      expect([how, stdout, stderr, status, signal]).toEqual([
        how,
        expected,
        '',
        how === 'process exit' ? 3 : 0,
        null,
      ])
    }
  })
})
