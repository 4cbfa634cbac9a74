import { truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { CMD_DISC, CMD_FLUSH, CMD_READ } from '../src/protocol/constants.ts'
import { LoopTable } from './support/loop-table.ts'
import { RawClient, request, write } from './support/raw-client.ts'
import { MONITORS, monitorFor, Program, serve, temporaryFolder } from './support/server-process.ts'

// Polling time is as the tests say.
delete process.env['AIOKIT_POLL_MAX_NS']

const folder = temporaryFolder()
const image = path.join(folder, 'disk.img')
writeFileSync(image, '')
truncateSync(image, 2 ** 20)
let sockets = 0
const newSocket = (): string => path.join(folder, `${sockets++}.sock`)

const REQUESTS = 300
/** So long that no request of the demo keeps its server waiting for longer. */
const LONG = '50000000'

/** @param variable what AIOKIT_POLL_MAX_NS is */
async function demo(args: readonly string[], variable?: string): Promise<LoopTable> {
  const under = variable === undefined ? undefined : `AIOKIT_POLL_MAX_NS=${variable} exec "$@"`
  const program = new Program(
    ['demo', '--size', '8M', '--requests', String(REQUESTS), '--clients', '2', '--depth', '1', ...args],
    under,
  )
  expect([await program.ended(), program.stderr]).toEqual([0, ''])
  return new LoopTable(program.stdout)
}

const polled = (table: LoopTable): number =>
  table.total('ended by polling: hits') + table.total('polled in vain: misses')

/** What is so whatever a server has done. */
function expectConsistent(table: LoopTable, requests: number): void {
  expect(table.total('requests')).toBe(requests)
  const hits = table.total('ended by polling: hits')
  expect(table.total('waits')).toBeGreaterThanOrEqual(hits)
  expect(table.total('polls')).toBeGreaterThanOrEqual(table.total('waits'))
  expect(table.total('polls')).toBeGreaterThanOrEqual(polled(table))
  for (const row of [
    'system calls to watch and wait',
    'waits',
    'polls',
    'bottom halves run',
    'eventfd writes',
  ])
    expect(table.perRequest(row)).toBeCloseTo(table.total(row) / requests, 3)
  expect(table.share('ended by polling: hits')).toBeCloseTo((100 * hits) / table.total('waits'), 1)
  // Either is rounded.
  expect(table.share('time spent polling') + table.share('time blocked')).toBeLessThanOrEqual(100.1)
  expect(table.total('CPU time of the server')).toBeGreaterThan(0)
  expect(table.share('CPU time of the server')).toBeGreaterThan(0)
}

describe.each(MONITORS)('on %s', (fdmon) => {
  // On the others a socket cannot be looked at without a system call: while one is watched there is no polling (rule P2),
  // but there may be some when the last client is gone.
  const seesSockets = monitorFor(fdmon) === 'io_uring'

  test('P1: one loop does not poll unless it is told to', async () => {
    const table = await demo(['--fdmon', fdmon])
    expectConsistent(table, REQUESTS)
    expect([polled(table), table.total('time spent polling')]).toEqual([0, 0])
    expect(table.total('time blocked')).toBeGreaterThan(0)
  })

  test.each(['0', '2'])(
    'P1: --poll-max-ns goes before AIOKIT_POLL_MAX_NS, with %s I/O threads',
    async (iothreads) => {
      const args = ['--fdmon', fdmon, '--iothreads', iothreads]
      const [on, off, byVariable] = await Promise.all([
        demo([...args, '--poll-max-ns', LONG], '0'),
        demo([...args, '--poll-max-ns', '0'], LONG),
        demo(args, LONG),
      ])
      for (const table of [on, off, byVariable]) expectConsistent(table, REQUESTS)
      expect([polled(off), off.total('time spent polling')]).toEqual([0, 0])
      if (!seesSockets) return
      for (const table of [on, byVariable]) {
        expect(polled(table)).toBeGreaterThan(0)
        expect(table.total('time spent polling')).toBeGreaterThan(0)
      }
    },
  )

  test.each(['0', '2'])(
    'O2: serve says in the end what it has done, with %s I/O threads',
    async (iothreads) => {
      const socket = newSocket()
      const args = [
        image,
        '--socket',
        socket,
        '--fdmon',
        fdmon,
        '--iothreads',
        iothreads,
        '--poll-max-ns',
        LONG,
      ]
      const server = await serve([...args, '--poll-grow', '4', '--poll-shrink', '2'])
      const clients = Array.from({ length: 3 }, () => RawClient.ready({ path: socket }))
      for (const client of clients) {
        for (let i = 0; i < 4; i++)
          expect(client.send(request({ type: CMD_READ, length: 10 })).reply(10).error).toBe(0)
        expect(client.send(write(0, Buffer.alloc(10))).reply().error).toBe(0)
        expect(client.send(request({ type: CMD_FLUSH })).reply().error).toBe(0)
      }
      // Those count whose clients are gone, too.
      clients[0]!.send(request({ type: CMD_DISC })).rest()
      expect(await server.end('SIGTERM')).toBe(0)
      expectConsistent(new LoopTable(server.stdout), 18)
      expect(server.stdout.endsWith('stopped\n')).toBe(true)
    },
  )
})

test('serve that had no request to answer ends without a table', async () => {
  const socket = newSocket()
  const server = await serve([image, '--socket', socket])
  RawClient.ready({ path: socket })
    .send(request({ type: CMD_DISC }))
    .rest()
  expect(await server.end('SIGTERM')).toBe(0)
  expect(server.stdout).not.toContain('│')
})

test('P1: bench polls as it is told to', async () => {
  const socket = newSocket()
  await serve([image, '--socket', socket])
  const bench = new Program([
    'bench',
    '--socket',
    socket,
    '--requests',
    '100',
    '--depth',
    '1',
    '--poll-max-ns',
    LONG,
  ])
  expect([await bench.ended(), bench.stderr]).toEqual([0, ''])
  const [, all, hits, misses] = /^of ([\d,]+) waits .* ended (\d+) \([\d.]+%\), and has not (\d+); it took/m
    .exec(bench.stdout)!
    .map((text) => Number.parseInt(text.replaceAll(',', ''), 10))
  expect(all).toBeGreaterThanOrEqual(hits!)
  expect(hits! + misses! > 0).toBe(monitorFor('io_uring') === 'io_uring')
})

test('P1: times and factors that are none are refused in one line', async () => {
  const commands = [['serve', image, '--socket', newSocket()], ['demo'], ['bench', '--socket', newSocket()]]
  const cases: [RegExp, string[]][] = [
    [
      /'--poll-max-ns <ns>' argument 'often' is invalid\. It has to be a whole number from 0 to 1000000000/,
      ['--poll-max-ns', 'often'],
    ],
    [/argument '-1' is invalid/, ['--poll-max-ns', '-1']],
    [/argument '1000000001' is invalid/, ['--poll-max-ns', '1000000001']],
    [
      /'--poll-grow <factor>' argument '0' is invalid\. It has to be a whole number from 1 to 1000/,
      ['--poll-grow', '0'],
    ],
    [
      /'--poll-shrink <factor>' argument '0\.5' is invalid\. It has to be a whole number from 0 to 1000/,
      ['--poll-shrink', '0.5'],
    ],
  ]
  const refusals = commands.flatMap((command) =>
    cases.map(async ([pattern, args]) => {
      const program = new Program([...command, ...args])
      expect([await program.ended(), program.stdout]).toEqual([1, ''])
      expect(program.stderr).toMatch(pattern)
      expect(program.stderr.trim().split('\n')).toHaveLength(1)
    }),
  )
  await Promise.all(refusals)
  for (const command of commands) {
    const program = new Program(command, 'AIOKIT_POLL_MAX_NS=often exec "$@"')
    expect(await program.ended()).toBe(1)
    expect(program.stderr).toMatch(
      /^aiokit-nbd: The environment variable AIOKIT_POLL_MAX_NS must be .*"often"\.\n$/,
    )
  }
})
