import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { descriptorLimit, openDescriptors, runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { backends, preamble } from './backends.ts'

// In processes and threads of their own: what blocks cannot be ended by anything else.

const cwd = fileURLToPath(new URL('..', import.meta.url))
const fixture = new URL('fixtures/stream-worker.mjs', import.meta.url)

describe.each(backends)('streams by %s', (backend) => {
  test.each([
    ['closes', 'io.close(); ctx.close(); console.log(results)', '[ -125 ]\n'],
    ['cancels', 'request.cancel(); ctx.waitWhile(() => io.pending > 0); console.log(results)', '[ -125 ]\n'],
    ['exits', 'process.exit(7)', ''],
    ['returns', '', ''],
  ])('U5, X4: a program that reads an eventfd which is not set %s', (_, after, expected) => {
    const { status, signal, stdout, stderr } = runScript(
      `${preamble(backend)}
       const results = []
       const request = io.readAio(sys.eventfd(0, 0), Buffer.alloc(8), -1, (res) => results.push(res))
       ctx.poll(false)
       ${after}`,
      { cwd },
    )
    expect({ status, signal, text: stdout + stderr }).toEqual({
      status: after.includes('exit') ? 7 : 0,
      signal: null,
      text: expected,
    })
  })

  test('X4, X6: a thread that ends with reads of an eventfd under way ends, and leaves no descriptor', async () => {
    const fd = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC), 'eventfd')
    const round = async () => {
      const worker = new Worker(fixture, { workerData: { backend, work: 'wait', fd, rounds: 10 } })
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
    }
    await round()
    const before = openDescriptors()
    for (let i = 0; i < 3; i++) await round()
    expect(openDescriptors()).toBe(before)
    sys.close(fd)
  })

  test('no thread blocks because another one reads the same pipe', () => {
    // What blocks cannot be ended but with its process.
    const { status, signal, stderr } = runScript(
      `import { Worker } from 'node:worker_threads'
       import * as sys from '@aiokit/sys'
       const fds = new Int32Array(2)
       sys.pipe2(fds, sys.O_CLOEXEC)
       const workerData = { backend: '${backend}', work: 'try', fd: fds[0], rounds: 20_000 }
       for (let i = 0; i < 2; i++) new Worker(new URL('${fixture}'), { workerData, execArgv: [] })`,
      { cwd },
    )
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  })

  test('X2: out of descriptors, an operation either waits without one or says so', () => {
    const { stdout, stderr } = runScript(
      `import { closeSync, openSync } from 'node:fs'
       ${preamble(backend)}
       const fds = new Int32Array(2)
       sys.pipe2(fds, sys.O_CLOEXEC)
       const held = []
       try { for (;;) held.push(openSync('/dev/null')) } catch {}
       const results = []
       io.readAio(fds[0], Buffer.alloc(8), -1, (res) => results.push(res))
       ctx.poll(false)
       sys.write(fds[1], Buffer.from('abc'))
       ctx.waitWhile(() => io.pending > 0)
       io.readAio(fds[0], Buffer.alloc(8), -1, (res) => results.push(res))
       if (results[0] === 3) sys.write(fds[1], Buffer.from('abc'))
       ctx.waitWhile(() => io.pending > 0)
       for (const fd of held) closeSync(fd)
       io.close()
       ctx.close()
       console.log(results)`,
      { cwd, under: descriptorLimit(64) },
    )
    expect(stdout + stderr).toBe(backend === 'ring' ? '[ 3, 3 ]\n' : `[ ${-sys.EMFILE}, 3 ]\n`)
  })
})
