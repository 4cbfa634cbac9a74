import { fileURLToPath } from 'node:url'
import { countRingsOfNode, hasCommand, hasIoUring, pipe, runScript } from '@aiokit/testing'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { AioContext, pollMonitor, sys } from '../src/index.ts'

const ring = hasIoUring()
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

test.skipIf(!ring)('M3: the automatic choice is io_uring where it can be used', () => {
  vi.stubEnv('AIOKIT_FDMON', '')
  using ctx = new AioContext()
  const done = watch(ctx, 100)
  expect([ctx.fdmonName, ctx.fdmonFallback, ctx.hasIoUring]).toEqual(['io_uring', null, true])
  done()
})

test('M3: chosen by name it is that one from the start', () => {
  for (const name of ['io_uring', 'epoll', 'poll'] as const) {
    using ctx = new AioContext({ fdmon: name })
    const expected = name === 'io_uring' && !ring ? 'epoll' : name
    expect(ctx.fdmonName).toBe(expected)
    const done = watch(ctx, 100)
    expect(ctx.fdmonName).toBe(expected)
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
      message: '"fdmon" must be one of auto, io_uring, epoll, poll. Received \'kqueue\'.',
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
    "The environment variable AIOKIT_FDMON must be one of auto, io_uring, epoll, poll. Received 'fast'.",
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

describe.skipIf(!hasCommand('strace'))('with a kernel that refuses (needs strace)', () => {
  const run = (body: string, ...injections: string[]) => {
    const script = `import { AioContext, sys } from 'aiokit'\n${body}`
    const inject = injections.flatMap((injection) => ['-e', `inject=${injection}`])
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', ...inject]
    const { stdout, stderr } = runScript(script, { cwd: folder, under, env: { AIOKIT_FDMON: '' } })
    return stdout + stderr
  }
  // Node's own loops have theirs by then.
  const noEpoll = 'epoll_create1:error=EMFILE:when=3+'
  let ringsOfNode = 0
  beforeAll(() => {
    ringsOfNode = countRingsOfNode()
  })
  const watchAHundred = `
    let reads = 0
    for (let i = 0; i < 100; i++) ctx.setFdHandler(sys.eventfd(1, sys.EFD_CLOEXEC), { read() { reads++ } })
    ctx.poll(true)`

  test.each(['EPERM', 'ENOSYS', 'ENOMEM'])(
    'M3: without io_uring (%s) the automatic choice is epoll, and says why',
    (error) => {
      const output = run(
        `for (const fdmon of ['auto', 'io_uring']) {
           const ctx = new AioContext({ fdmon })
           ${watchAHundred}
           const { code, cause } = ctx.fdmonFallback
           console.log(ctx.fdmonName, ctx.hasIoUring, code, cause.code, cause.syscall, reads)
         }`,
        `io_uring_setup:error=${error}`,
      )
      const line = `epoll false ERR_AIO_NO_IO_URING ${error} io_uring_setup 100\n`
      expect(output).toBe(line + line)
    },
  )

  test('M3: without io_uring and epoll it is poll', () => {
    const output = run(
      `const ctx = new AioContext()
       ${watchAHundred}
       console.log(ctx.fdmonName, ctx.fdmonFallback.code, ctx.fdmonFallback.syscall, reads)`,
      'io_uring_setup:error=ENOSYS',
      noEpoll,
    )
    expect(output).toBe('poll EMFILE epoll_create1 100\n')
  })

  test.skipIf(!ring)('U3: when a context has a ring, a second one without is refused with a sentence', () => {
    const output = run(
      `const first = new AioContext()
       try {
         new AioContext()
       } catch (error) {
         console.log(error.code, error.cause.code)
         console.log(error.message)
       }
       first.close()
       console.log(new AioContext().fdmonName)`,
      // The flags of 6.6 and later are the first that are tried.
      `io_uring_setup:error=ENOMEM:when=${ringsOfNode + 2}+`,
    )
    expect(output.split('\n')).toEqual([
      'ERR_AIO_NO_IO_URING ENOMEM',
      'This context gets no io_uring (ENOMEM: not enough memory, io_uring_setup), but 1 in this process has one: raise the limit, or choose epoll for all of them (AIOKIT_FDMON=epoll).',
      'epoll',
      '',
    ])
  })

  test.skipIf(!ring).each([
    ['6.6', 1],
    ['6.1', 2],
  ])('M4: with a kernel older than %s it does with what there is', (_, tries) => {
    const output = run(
      `const ctx = new AioContext()
       ${watchAHundred}
       console.log(ctx.fdmonName, reads)`,
      `io_uring_setup:error=EINVAL:when=${ringsOfNode + 1}..${ringsOfNode + tries}`,
    )
    expect(output).toBe('io_uring 100\n')
  })

  test('M3: asked for by name, epoll that cannot be had is an error, and no descriptor is lost', () => {
    const output = run(
      `import { readdirSync } from 'node:fs'
       const open = () => readdirSync('/proc/self/fd').length
       const before = open()
       try {
         new AioContext({ fdmon: 'epoll' })
       } catch (error) {
         console.log(error.message, open() - before)
       }`,
      noEpoll,
    )
    expect(output).toBe('EMFILE: too many open files, epoll_create1 0\n')
  })
})
