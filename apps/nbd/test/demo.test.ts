import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { hasCommand } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { imageBy, MONITORS, monitorFor, Program, serve, temporaryFolder } from './support/server-process.ts'

const folder = temporaryFolder()
const image = () => {
  const file = path.join(folder, 'disk.img')
  writeFileSync(file, Buffer.alloc(65_536))
  return file
}
const temporary = path.join(folder, 'tmp')
mkdirSync(temporary)
process.env['TMPDIR'] = temporary

describe.each(MONITORS)('on %s', (fdmon) => {
  test('the demo verifies what it reads, measures, says what the loop did, and leaves nothing behind', async () => {
    const demo = new Program([
      'demo',
      '--size',
      '8M',
      '--requests',
      '2000',
      '--clients',
      '3',
      '--fdmon',
      fdmon,
    ])
    expect([await demo.ended(), demo.stderr]).toEqual([0, ''])
    expect(demo.stdout).toContain('2,000 requests to a disk of 8 MiB: 3 client(s), 16 in flight each')
    expect(demo.stdout).toContain('100%: 2,000 of 2,000 requests, verified')
    for (const row of [
      'read',
      'write',
      'whole disk',
      'polls',
      'handlers dispatched',
      'eventfd writes avoided',
    ]) {
      expect(demo.stdout).toMatch(new RegExp(`│ ${row} +│ +[\\d,]+ │`))
    }
    expect(demo.stdout).toMatch(
      new RegExp(
        `monitor: ${monitorFor(fdmon)}, image: ${imageBy(fdmon)}; .* read and verified: every byte was right\\n$`,
      ),
    )
    expect(readdirSync(temporary)).toEqual([])
  })
})

test.skipIf(!hasCommand('strace'))(
  'M3: where io_uring is forbidden the demo runs on epoll and threads, and says why (needs strace)',
  async () => {
    const forbidden = 'exec strace -D -f -qq -o /dev/null -e inject=io_uring_setup:error=EPERM "$@"'
    const demo = new Program(['demo', '--size', '8M', '--requests', '2000', '--fdmon', 'auto'], forbidden)
    expect([await demo.ended(), demo.stderr]).toEqual([0, ''])
    expect(demo.stdout).toMatch(
      /\nio_uring cannot be used here \(EPERM: .*\nmonitor: epoll, image: threads; /,
    )
    const server = await serve([image(), '--socket', path.join(folder, 'forbidden.sock')], forbidden)
    await server.printed('goes on with epoll: io_uring cannot be used here (EPERM', 'stderr')
  },
)

test('the demo that is interrupted leaves nothing behind', async () => {
  const demo = new Program(['demo', '--requests', '100000000'])
  await demo.printed('in flight each')
  expect(await demo.end('SIGINT')).toBe(130)
  expect(readdirSync(temporary)).toEqual([])
})

test('the demo whose output nobody reads any more ends, and leaves nothing behind', async () => {
  const demo = new Program(['demo', '--requests', '3000'], '"$@" | head -n 1')
  expect([await demo.ended(), demo.stderr]).toEqual([0, ''])
  expect(readdirSync(temporary)).toEqual([])
})

test('the demo refuses a disk that is too small for what is to be in flight', async () => {
  const demo = new Program(['demo', '--size', '64k', '--clients', '10'])
  expect(await demo.ended()).toBe(1)
  expect(demo.stderr).toBe(
    'aiokit-nbd: --size has to be a multiple of 512 and at least 655360 for 160 requests in flight\n',
  )
})

test('bench measures a server at each depth, on a Unix socket and over TCP', async () => {
  const socket = path.join(folder, 'bench.sock')
  const image = path.join(folder, 'disk.img')
  writeFileSync(image, Buffer.alloc(2 ** 20))
  const unix = await serve([image, '--socket', socket])
  const tcp = await serve([image, '--port', '0'])
  const port = /:(\d+)\//.exec(tcp.stdout)![1]!
  for (const where of [
    ['--socket', socket],
    ['--port', port],
  ]) {
    for (const write of [[], ['--write']]) {
      const bench = new Program([
        'bench',
        ...where,
        '--requests',
        '500',
        '--depth',
        '1,32',
        '--block',
        '8k',
        ...write,
      ])
      expect([await bench.ended(), bench.stderr]).toEqual([0, ''])
      expect(bench.stdout).toMatch(/│ depth │ requests │[\s\S]*│ 1 +│ +500 │[\s\S]*│ 32 +│ +500 │/)
    }
  }
  expect(await unix.end('SIGTERM')).toBe(0)
})

test('bench says in one line what is wrong', async () => {
  const bench = new Program(['bench', '--socket', path.join(folder, 'nobody.sock')])
  expect(await bench.ended()).toBe(1)
  expect(bench.stderr).toMatch(/^aiokit-nbd: ENOENT: .*nobody\.sock\n$/)
})
