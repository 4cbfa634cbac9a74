import { fileURLToPath } from 'node:url'
import { countRingsOfNode, descriptorLimit, hasCommand, refuseRingsOfNode, runScript } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'

const cwd = fileURLToPath(new URL('..', import.meta.url))
const prelude = `
  import { readdirSync } from 'node:fs'
  import { bufferPool } from '@aiokit/buffer-pool'
  import { FdTable } from '@aiokit/fdmon'
  import * as sys from '@aiokit/sys'
  import { uringMonitor } from './dist/index.js'
  const newTable = (options) => new FdTable(uringMonitor(options), () => {})
  const descriptors = () => readdirSync('/proc/self/fd').length - 1
  const say = (value) => console.log(JSON.stringify(value))
`

function run(script: string, under: string[]): unknown[] {
  const { stdout, stderr, status, signal } = runScript(prelude + script, { cwd, under, timeoutMs: 60_000 })
  if (status !== 0) throw new Error(`ended with ${status ?? signal}: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('X6: when there are no descriptors left, making a ring fails with the reason and leaves nothing behind', () => {
  const [result] = run(
    `
    descriptors()
    const before = descriptors()
    const tables = []
    let failure
    for (let i = 0; i < 200; i++) {
      try { tables.push(newTable()) } catch (error) { failure ??= error }
    }
    const count = sys.ioUringCount()
    for (const fds of tables) fds.close()
    say({ code: failure.code, cause: failure.cause.code, all: count === tables.length, some: count > 5,
      leaked: descriptors() - before, rings: sys.ioUringCount() })
    newTable().close()`,
    descriptorLimit(64),
  )
  expect(result).toEqual({
    code: 'ERR_AIO_NO_IO_URING',
    cause: 'EMFILE',
    all: true,
    some: true,
    leaked: 0,
    rings: 0,
  })
})

test('X6: more files than descriptors are allowed cannot be registered, and the ring goes on', () => {
  const [result] = run(
    `
    const fds = newTable()
    let failure
    try { fds.monitor.registerFiles(new Array(1000).fill(0)) } catch (error) { failure = error }
    fds.monitor.registerFiles([0, 1, 2])
    let res
    fds.monitor.addSqe((sqe) => sqe.prepNop(), { complete: (value) => (res = value) })
    fds.wait(-1)
    fds.monitor.dispatch()
    fds.close()
    say({ code: failure.code, res })`,
    descriptorLimit(64),
  )
  expect(result).toEqual({ code: 'EMFILE', res: 0 })
})

describe.skipIf(!hasCommand('setpriv'))('little memory may be locked (needs setpriv)', () => {
  // The limit is not for who has CAP_IPC_LOCK.
  const drop = process.getuid!() === 0 ? 'setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock' : ''

  test('X6: more registered memory than may be locked is refused with its errno, and nothing is kept', () => {
    const [result] = run(
      `
      const fds = newTable()
      const view = bufferPool.allocate(2 ** 20)
      const codes = []
      for (let i = 0; i < 50; i++) {
        try { fds.monitor.registerBuffers([view]) } catch (error) { codes.push(error.code) }
      }
      // What fits is registered, again and again.
      for (let i = 0; i < 50; i++) fds.monitor.registerBuffers([view.subarray(0, 8192)])
      const address = sys.addressOf(view)
      bufferPool.free(view)
      fds.close()
      const others = Array.from({ length: 100 }, () => bufferPool.allocate(2 ** 20))
      say({ count: codes.length, codes: [...new Set(codes)],
        reused: others.some((other) => sys.addressOf(other) === address) })`,
      // Rings count as well, and from version 22 Node has some itself.
      ['sh', '-c', `ulimit -l 256; exec ${drop} "$@"`, 'sh'],
    )
    expect(result).toEqual({ count: 50, codes: ['ENOMEM'], reused: true })
  })
})

describe.skipIf(!hasCommand('strace'))('the kernel refuses (needs strace)', () => {
  const script = `
    const fds = newTable({ entries: 8 })
    const ring = fds.monitor
    const pipe = new Int32Array(32)
    sys.pipe2(pipe, sys.O_CLOEXEC)
    const [reader, writer] = pipe
    const counts = []
    const codes = new Set()
    let answered = 0
    const attempt = (what) => {
      for (;;) {
        try { return what() } catch (error) { codes.add(error.code) }
      }
    }
    const add = (prep) => {
      const i = counts.push(0) - 1
      // What addSqe() throws it has not made.
      const request = attempt(() => ring.addSqe(prep, { complete() { counts[i]++; answered++ } }))
      return request
    }
    for (let round = 0; round < 30; round++) {
      ring.maxBatch = round % 3
      const requests = []
      for (let i = 0; i < 40; i++) {
        requests.push(add((sqe) => i % 2 === 0 ? sqe.prepNop() : sqe.prepPollAdd(reader, 1)))
        if (i % 5 === 0) add((sqe) => { sqe.prepNop(); sqe.link() }), add((sqe) => sqe.prepNop())
      }
      fds.set(reader, { read() {} })
      attempt(() => fds.wait(0))
      attempt(() => fds.remove(reader))
      for (const request of requests) attempt(() => request.cancel())
      while (answered < counts.length) {
        attempt(() => fds.wait(1e9))
        ring.dispatch()
        fds.dispatch()
      }
    }
    const last = Array.from({ length: 20 }, () => add((sqe) => sqe.prepRead(reader, new Uint8Array(1), -1)))
    attempt(() => fds.wait(0))
    fds.close()
    say({ once: counts.every((count) => count === 1), codes: [...codes] })
    process.reallyExit(0)`

  test.each([
    ['EAGAIN', []],
    ['EBUSY', []],
    ['EINTR', []],
    ['ENOMEM', ['ENOMEM']],
  ])('M6, X1: with %s now and then, no request is lost and none is answered twice', (error, codes) => {
    for (const when of ['2+3', '1..40', '5+2']) {
      const [result] = run(script, [
        ...['strace', '-qq', '-o', '/dev/null', '-e', 'trace=io_uring_enter,io_uring_setup'],
        ...['-e', `inject=io_uring_enter:error=${error}:when=${when}`, ...refuseRingsOfNode()],
      ])
      expect(result).toEqual({ once: true, codes })
    }
  })

  test.each(['EAGAIN', 'EBUSY', 'EINTR'])(
    'M6: what a call that failed with %s did not come to is found without waiting',
    (error) => {
      const look = `
      const fds = newTable()
      const pipe = new Int32Array(32)
      sys.pipe2(pipe, sys.O_CLOEXEC | sys.O_NONBLOCK)
      const [reader, writer] = pipe
      const byte = new Uint8Array(1)
      let found = 0
      fds.set(reader, { read() { found++; sys.read(reader, byte) } })
      for (let i = 0; i < 100; i++) {
        // Made, or made again.
        fds.wait(0)
        sys.write(writer, byte)
        fds.wait(0)
        fds.dispatch()
      }
      say(found)
      fds.close()`
      for (const when of ['2+2', '3+2', '2+3']) {
        const [found] = run(look, [
          ...['strace', '-qq', '-o', '/dev/null', '-e', 'trace=io_uring_enter,io_uring_setup'],
          ...['-e', `inject=io_uring_enter:error=${error}:when=${when}`, ...refuseRingsOfNode()],
        ])
        expect(found).toBe(100)
      }
    },
  )

  test.each([
    ['rings', 1],
    ['submission entries', 2],
  ])(
    'X6: when the %s of a ring cannot be mapped, making it fails with the reason and leaves nothing behind',
    (_, mapping) => {
      // Each ring has two mappings, those of Node and the first one as well. Only those are refused: V8 ends the process when it does not get its own.
      const [result] = run(
        `
      const first = newTable()
      const before = descriptors()
      let failure
      try { newTable() } catch (error) { failure = error }
      const leaked = descriptors() - before
      const next = newTable()
      const rings = sys.ioUringCount()
      first.close()
      next.close()
      say({ code: failure.code, cause: failure.cause.code, leaked, rings, atLast: sys.ioUringCount() })`,
        [
          ...['strace', '-qq', '-o', '/dev/null', '-P', 'anon_inode:[io_uring]', '-e', 'trace=mmap'],
          ...['-e', `inject=mmap:error=ENOMEM:when=${2 * (countRingsOfNode() + 1) + mapping}`],
        ],
      )
      expect(result).toEqual({
        code: 'ERR_AIO_NO_IO_URING',
        cause: 'ENOMEM',
        leaked: 0,
        rings: 2,
        atLast: 0,
      })
    },
  )
})
