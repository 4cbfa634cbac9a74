import { hasCommand, refuseRingsOfNode } from '@aiokit/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Host, hosted, output, runHosted } from './hosted.ts'

/** What each monitor waits with, as strace names it. */
const WAITS: Record<string, string> = {
  poll: 'ppoll',
  epoll: 'epoll_wait,epoll_pwait2',
  io_uring: 'io_uring_enter',
}

/** A handler, a bottom half and a timer, each of which has the next called; a hundred times, unless something fails. */
const work = `
  let errors = 0
  process.on('uncaughtException', ({ code, syscall }) => {
    if (++errors === 10) process.exit(1)
    console.log(code, syscall)
    setTimeout(() => console.log('Node goes on'), 1)
  })
  const byte = new Uint8Array(1)
  const [reader, writer] = pipe()
  let rounds = 0
  ctx.setFdHandler(reader, { read() { sys.read(reader, byte); bh.schedule() } })
  const bh = ctx.createBottomHalf(() => timer.mod(realtime.now() + 1e5))
  const timer = ctx.createTimer(realtime, () => {
    if (++rounds < 100) return void sys.write(writer, byte)
    bh.delete()
    console.log('done on', ctx.fdmonName)
    ctx.close()
  })
  bh.schedule()
  process.on('exit', () => { bh.delete(); ctx.close() })
`

describe.skipIf(!hasCommand('strace'))('system calls that fail (needs strace)', () => {
  let refused: string[] = []
  beforeAll(() => {
    refused = refuseRingsOfNode()
  })

  /** @param when as strace has it: '20' the twentieth, '20+' each from then on, '20+3' each third */
  const run = (monitor: string, host: Host, body: string, calls: string, error: string, when: string) =>
    output(
      runHosted(monitor, host, body, {
        under: [
          ...['strace', '-qq', '-o', '/dev/null', '-e', `trace=${calls},io_uring_setup`],
          ...['-e', `inject=${calls}:error=${error}:when=${when}`, ...refused],
        ],
      }),
    )

  describe.each(hosted.filter(([monitor]) => monitor in WAITS))('%s by %s()', (monitor, host) => {
    const calls = WAITS[monitor]!

    test.each([
      ['ENOMEM', '20'],
      // Not ENOMEM for ever: a ring is not closed before the kernel has let go of all memory, and tries until then.
      ['EIO', '20+'],
    ])('X2, A3: what the program does not survive it is told, once: %s, %s', (error, when) => {
      const syscall = calls.split(',')[0]
      expect(run(monitor, host, work, calls, error, when)).toBe(`${error} ${syscall}\nNode goes on\n`)
    })

    test('M5: what comes and goes is tried again', () => {
      expect(run(monitor, host, work, calls, 'EINTR', '20+3')).toBe(`done on ${monitor}\n`)
    })
  })

  test.each(['attach', 'run'] as const)(
    'M3: epoll that fails is followed by what it falls back to, by %s()',
    (host) => {
      expect(run('epoll that falls back', host, work, WAITS['epoll']!, 'ENOMEM', '20+')).toBe(
        'done on poll\n',
      )
    },
  )

  test.each(hosted.filter(([monitor, host]) => monitor in WAITS && host === 'attach'))(
    'X2, A3: on %s, contexts whose deadlines cannot be kept are told, and others go on',
    (monitor, host) => {
      // It has no deadline, and is woken by the pipe.
      const other = `
        const other = make()
        other.attach()
        const [otherReader, otherWriter] = pipe()
        other.setFdHandler(otherReader, { read() { console.log('another goes on'); other.close() } })
        process.once('uncaughtException', () => sys.write(otherWriter, byte))`
      for (const when of ['20', '20+']) {
        const lines = run(monitor, host, work + other, 'timerfd_settime', 'EIO', when).split('\n')
        expect(lines.sort()).toEqual(['', 'EIO timerfd_settime', 'Node goes on', 'another goes on'])
      }
    },
  )

  test.each(hosted.filter(([monitor]) => monitor === 'io_uring'))(
    'U6, X4: on %s by %s(), requests in flight are answered when the ring that failed is closed',
    (monitor, host) => {
      const request = `
        const [silent] = pipe()
        sys.fcntl(silent, sys.F_SETFL, 0)
        ctx.addSqe((sqe) => sqe.prepRead(silent, new Uint8Array(1), -1), { complete: (res) => console.log(res) })`
      expect(run(monitor, host, work + request, 'io_uring_enter', 'EIO', '20+')).toBe(
        'EIO io_uring_enter\nNode goes on\n-125\n',
      )
    },
  )
})
