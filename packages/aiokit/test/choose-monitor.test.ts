import { fileURLToPath } from 'node:url'
import { hasCommand, pipe, runScript } from '@aiokit/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { AioContext, AUTO_EPOLL_AT, pollMonitor, sys } from '../src/index.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))
afterEach(() => vi.unstubAllEnvs())

/** Watches `count` descriptors; returns a function that lets go of them. */
function watch(ctx: AioContext, count: number): () => void {
  const pipes = Array.from({ length: count }, pipe)
  for (const [reader] of pipes) ctx.setFdHandler(reader, { read() {} })
  return () => {
    for (const [reader, writer] of pipes) {
      ctx.setFdHandler(reader, null)
      sys.close(reader)
      sys.close(writer)
    }
  }
}

test(`M3: the automatic choice begins with poll and moves to epoll at ${AUTO_EPOLL_AT} descriptors`, () => {
  vi.stubEnv('AIOKIT_FDMON', '')
  using ctx = new AioContext()
  const first = watch(ctx, AUTO_EPOLL_AT - 1)
  expect(ctx.fdmonName).toBe('poll')
  const last = watch(ctx, 1)
  expect([ctx.fdmonName, ctx.fdmonFallback]).toEqual(['epoll', null])
  first()
  last()
  expect(ctx.fdmonName).toBe('epoll')
})

test('M3: chosen by name it is that one from the start', () => {
  for (const name of ['epoll', 'poll'] as const) {
    using ctx = new AioContext({ fdmon: name })
    expect(ctx.fdmonName).toBe(name)
    const done = watch(ctx, 100)
    expect(ctx.fdmonName).toBe(name)
    done()
  }
})

test('AIOKIT_FDMON replaces the automatic choice, and no other', () => {
  vi.stubEnv('AIOKIT_FDMON', 'epoll')
  using auto = new AioContext()
  using named = new AioContext({ fdmon: 'poll' })
  using own = new AioContext({ fdmon: pollMonitor() })
  expect([auto, named, own].map((ctx) => ctx.fdmonName)).toEqual(['epoll', 'poll', 'poll'])
})

test('X3: options that are none are refused', () => {
  for (const options of [null, 'poll', () => {}]) {
    expect(() => new AioContext(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
})

test('X2: a monitor that does not exist is refused, naming where it was asked for', () => {
  expect(() => new AioContext({ fdmon: 'kqueue' as never })).toThrow(
    expect.objectContaining({
      code: 'ERR_AIO_FDMON',
      message: '"fdmon" must be one of auto, epoll, poll. Received \'kqueue\'.',
    }),
  )
  const throwing = {
    toString() {
      throw new Error('not asked')
    },
  }
  for (const fdmon of ['toString', '', ['poll'], null, Symbol('s'), throwing]) {
    expect(() => new AioContext({ fdmon: fdmon as never })).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_FDMON', message: expect.stringContaining('must be one of') }),
    )
  }
  vi.stubEnv('AIOKIT_FDMON', 'fast')
  expect(() => new AioContext()).toThrow(
    "The environment variable AIOKIT_FDMON must be one of auto, epoll, poll. Received 'fast'.",
  )
})

test('M3: when epoll fails at run time the context goes on with poll and says why', () => {
  using ctx = new AioContext({ fdmon: 'epoll' })
  const [reader, writer] = pipe()
  let reads = 0
  ctx.setFdHandler(reader, { read: () => void reads++ })
  // Other code closes what is not its own: the epoll instance is the first descriptor that refuses to be watched.
  for (let fd = 3; fd < reader && ctx.fdmonFallback === null; fd++) {
    try {
      ctx.setFdHandler(fd, { read() {} })
      ctx.setFdHandler(fd, null)
    } catch (error) {
      if ((error as { code: string }).code !== 'ERR_AIO_RESERVED_FD') continue
      if (sys.eventfdRead(fd) === -sys.EAGAIN) continue // the notifier
      sys.close(fd)
      break
    }
  }
  sys.write(writer, new Uint8Array(1))
  expect([ctx.poll(true), reads, ctx.fdmonName]).toEqual([true, 1, 'poll'])
  expect(ctx.fdmonFallback).toMatchObject({ code: 'EBADF' })
  ctx.setFdHandler(reader, null)
  ctx.notify()
  expect(ctx.poll(true)).toBe(false)
  for (const fd of [reader, writer]) sys.close(fd)
})

describe.skipIf(!hasCommand('strace'))('with a kernel that refuses epoll (needs strace)', () => {
  const run = (body: string) => {
    const script = `import { AioContext, sys } from 'aiokit'\n${body}`
    // Node's own loops have theirs by then.
    const inject = 'inject=epoll_create1:error=EMFILE:when=3+'
    return runScript(script, { cwd: folder, under: ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject] })
  }

  test('M3: the automatic choice stays with poll, and says why', () => {
    const { stdout, stderr } = run(`
      const ctx = new AioContext()
      let reads = 0
      for (let i = 0; i < 100; i++) ctx.setFdHandler(sys.eventfd(1, sys.EFD_CLOEXEC), { read() { reads++ } })
      ctx.poll(true)
      console.log(ctx.fdmonName, ctx.fdmonFallback.code, ctx.fdmonFallback.syscall, reads)`)
    expect(stdout + stderr).toBe('poll EMFILE epoll_create1 100\n')
  })

  test('M3: asked for by name, epoll that cannot be had is an error, and no descriptor is lost', () => {
    const { stdout, stderr } = run(`
      import { readdirSync } from 'node:fs'
      const open = () => readdirSync('/proc/self/fd').length
      const before = open()
      try {
        new AioContext({ fdmon: 'epoll' })
      } catch (error) {
        console.log(error.message, open() - before)
      }`)
    expect(stdout + stderr).toBe('EMFILE: too many open files, epoll_create1 0\n')
  })
})
