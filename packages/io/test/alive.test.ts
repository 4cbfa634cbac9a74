import path from 'node:path'
import { runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { hostedBackends, preamble } from './backends.ts'

const cwd = path.join(import.meta.dirname, '..')

function run(backend: (typeof hostedBackends)[number]['backend'], script: string) {
  const { status, signal, stdout, stderr } = runScript(preamble(backend) + script, { cwd })
  expect([status, signal, stderr]).toEqual([0, null, ''])
  return stdout
}

const attached = hostedBackends.filter(({ host }) => host === 'attach')

describe.each(attached)('A1: an attached process, by $backend', ({ backend }) => {
  test('ends by itself when nothing is under way, whatever was', () => {
    const script = `
      ctx.attach()
      const fd = await io.openat(sys.AT_FDCWD, '/etc/passwd', 0, 0)
      const buffer = new Uint8Array(10)
      await io.read(fd, buffer, 0)
      await io.fsync(fd).catch(() => {})
      for await (const chunk of io.chunks(fd)) break
      io.closeAio(fd, (res) => console.log('closed', res))`
    expect(run(backend, script)).toBe('closed 0\n')
  })

  test('lives until what is under way has ended', () => {
    // Whoever answers does not keep it alive.
    const script = `
      import { Worker } from 'node:worker_threads'
      const fds = new Int32Array(2)
      sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
      ctx.attach()
      // It answers some time after the other operation has ended, however long a thread takes to start for that.
      const program = \`
        import { writeSync } from 'node:fs'
        import { workerData } from 'node:worker_threads'
        const { fd, ended } = workerData
        Atomics.wait(ended, 0, 0)
        setTimeout(() => writeSync(fd, 'x'), 100)\`
      const url = new URL('data:text/javascript,' + encodeURIComponent(program))
      const ended = new Int32Array(new SharedArrayBuffer(4))
      const answer = new Worker(url, { workerData: { fd: fds[1], ended } })
      answer.unref()
      io.read(fds[0], new Uint8Array(1), -1).then((count) => console.log('answered', count))
      io.fsync(99999).catch(({ code }) => {
        console.log(code)
        Atomics.store(ended, 0, 1)
        Atomics.notify(ended, 0)
      })
      process.on('exit', () => console.log('end'))`
    expect(run(backend, script)).toBe('EBADF\nanswered 1\nend\n')
  })

  test("an unref'd one does not", () => {
    const script = `
      const fds = new Int32Array(2)
      sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
      ctx.attach()
      ctx.unref()
      io.read(fds[0], new Uint8Array(1), -1).then(() => console.log('never'))`
    expect(run(backend, script)).toBe('')
  })
})
