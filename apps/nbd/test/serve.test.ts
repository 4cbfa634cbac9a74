import { existsSync, mkdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { IN, listen, sys } from 'aiokit'
import { describe, expect, test } from 'vitest'
import { CMD_FLAG_FUA, CMD_READ, NBD_ENOSPC } from '../src/protocol/constants.ts'
import { RawClient, request, write } from './support/raw-client.ts'
import { complaints, MONITORS, Program, serve, temporaryFolder } from './support/server-process.ts'

const folder = temporaryFolder()
const image = path.join(folder, 'disk.img')
writeFileSync(image, '')
truncateSync(image, 2 ** 20)
let sockets = 0
const newSocket = (): string => path.join(folder, `${sockets++}.sock`)

/** Runs a command that is going to fail. Returns what it said. */
async function refusal(...args: string[]): Promise<string> {
  const program = new Program(args)
  expect(await program.ended()).toBe(1)
  expect(program.stdout).toBe('')
  return program.stderr
}

describe.each(MONITORS)('on %s', (fdmon) => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends the server well, with clients connected',
    async (signal) => {
      const socket = newSocket()
      const server = await serve([image, '--socket', socket, '--fdmon', fdmon])
      const client = RawClient.ready({ path: socket })
      expect(client.send(write(0, Buffer.from(signal))).reply().error).toBe(0)
      expect(await server.end(signal)).toBe(0)
      expect(client.rest()).toHaveLength(0)
      expect(existsSync(socket)).toBe(false)
      expect(readFileSync(image, 'utf8').startsWith(signal)).toBe(true)
      expect([server.stdout.endsWith('stopped\n'), complaints(server, fdmon)]).toEqual([true, ''])
    },
  )

  test('the server waits for nobody when it has too few descriptors, says so once, and goes on when it has', async () => {
    const socket = newSocket()
    const server = await serve([image, '--socket', socket, '--fdmon', fdmon], 'ulimit -n 128; exec "$@"')
    const inside = RawClient.ready({ path: socket })
    const clients = Array.from({ length: 134 }, () => new RawClient({ path: socket }))
    await server.printed('new clients have to wait', 'stderr')
    expect(inside.send(request({ type: CMD_READ, length: 1 })).reply(1).error).toBe(0)
    for (const client of clients.splice(0, 110)) client.close()
    for (const client of clients) expect(client.receive(18)).toHaveLength(18)
    expect(complaints(server, fdmon)).toMatch(/^aiokit-nbd: new clients have to wait: EMFILE: .*\n$/)
  })
})

test.each([...MONITORS, 'auto'])(
  'on %s 200 clients at once are served, and may vanish with replies pending',
  async (fdmon) => {
    const address = { path: newSocket() }
    await serve([image, '--socket', address.path, '--fdmon', fdmon])
    const other = RawClient.ready(address)
    const clients = Array.from({ length: 200 }, () => RawClient.ready(address))
    for (const [i, client] of clients.entries()) client.send(write(8192 + i, Uint8Array.of(i)))
    for (const client of clients) expect(client.reply().error).toBe(0)
    for (const client of clients) client.send(request({ type: CMD_READ, offset: 8192, length: 200 }))
    const all = Buffer.from(Array.from({ length: 200 }, (_, i) => i))
    for (const client of clients) expect(client.reply(200).data).toEqual(all)
    const many = Buffer.concat(Array.from({ length: 20 }, () => request({ type: CMD_READ, length: 500_000 })))
    for (const client of clients) client.send(many)
    for (const client of clients) client.close()
    for (const client of [other, RawClient.ready(address)]) {
      expect(client.send(request({ type: CMD_READ, offset: 8192, length: 200 })).reply(200).data).toEqual(all)
    }
  },
)

test('a disk that is full is reported as such, and reading goes on', async () => {
  const socket = newSocket()
  // A limit on the size of files (in units of 512 bytes) stands for a full disk: EFBIG, which has the same answer.
  await serve([image, '--socket', socket], 'ulimit -f 1024; exec "$@"')
  const client = RawClient.ready({ path: socket })
  expect(client.send(write(524_288, Buffer.alloc(10))).reply().error).toBe(NBD_ENOSPC)
  expect(client.send(write(524_280, Buffer.alloc(10), CMD_FLAG_FUA)).reply().error).toBe(NBD_ENOSPC)
  expect(client.send(write(0, Buffer.alloc(10))).reply().error).toBe(0)
  expect(client.send(request({ type: CMD_READ, offset: 524_288, length: 1 })).reply(1).error).toBe(0)
})

test('TCP: the port is chosen by the system, and the export has a name', async () => {
  const server = await serve([image, '--port', '0', '--export-name', 'my disk'])
  const port = Number(/nbd:\/\/127\.0\.0\.1:(\d+)\/my%20disk/.exec(server.stdout)![1])
  for (const name of ['my disk', '']) {
    const client = RawClient.ready({ host: '127.0.0.1', port }, name)
    expect(client.send(request({ type: CMD_READ, length: 5 })).reply(5).error).toBe(0)
  }
})

test('the socket of a server that died is replaced, that of one that lives is not', async () => {
  const socket = newSocket()
  const first = await serve([image, '--socket', socket])
  expect(await refusal('serve', image, '--socket', socket)).toMatch(
    /^aiokit-nbd: EADDRINUSE: .*\.sock \(a server listens there, .*\)\n$/,
  )
  RawClient.ready({ path: socket })
  await first.end('SIGKILL')
  expect(existsSync(socket)).toBe(true)
  const second = await serve([image, '--socket', socket])
  RawClient.ready({ path: socket })
  expect(await second.end('SIGTERM')).toBe(0)
  expect(existsSync(socket)).toBe(false)
})

test('the socket of a server that died, and that the kernel lets go of only later, is replaced then', async () => {
  const socket = newSocket()
  // It takes connections and answers to none, as one whose process is gone but whose ring is not.
  const dying = listen({ path: socket })
  const second = new Program(['serve', image, '--socket', socket])
  const pollfd = new Int32Array([dying, IN])
  while (sys.ppoll(pollfd, 1, 0) === 0) await new Promise(setImmediate)
  sys.close(dying)
  await second.printed('listening on ')
  RawClient.ready({ path: socket })
  expect(await second.end('SIGTERM')).toBe(0)
})

test('a file that is no socket is left alone', async () => {
  const socket = newSocket()
  writeFileSync(socket, 'precious')
  expect(await refusal('serve', image, '--socket', socket)).toMatch(
    /^aiokit-nbd: EADDRINUSE: .*\.sock \(a server listens there, .*\)\n$/,
  )
  expect(readFileSync(socket, 'utf8')).toBe('precious')
})

test('a socket that took the place of ours is left alone', async () => {
  const socket = newSocket()
  const first = await serve([image, '--socket', socket])
  unlinkSync(socket)
  await serve([image, '--socket', socket])
  expect(await first.end('SIGTERM')).toBe(0)
  RawClient.ready({ path: socket })
})

test('what cannot be served is refused in one line', async () => {
  const socket = newSocket()
  const at = ['--socket', socket]
  const busy = createServer().listen(0, '127.0.0.1')
  const { port } = await new Promise<{ port: number }>((resolve) =>
    busy.on('listening', () => resolve(busy.address() as { port: number })),
  )
  mkdirSync(path.join(folder, 'folder'))
  const cases: [RegExp, string[]][] = [
    [/ENOENT: .*missing\.img/, [path.join(folder, 'missing.img'), ...at]],
    [/EISDIR|neither a file nor a block device/, [path.join(folder, 'folder'), ...at]],
    [/neither a file nor a block device/, ['/dev/zero', '--read-only', ...at]],
    [/EADDRINUSE: .*127\.0\.0\.1:\d+ \(another socket has it: /, [image, '--port', String(port)]],
    [/ENOENT: .*no-folder/, [image, '--socket', path.join(folder, 'no-folder', 's')]],
    [/"path" is \d+ bytes long/, [image, '--socket', path.join(folder, 'x'.repeat(200))]],
    [/--socket PATH or --port NUMBER/, [image]],
    [/ENOTFOUND|EAI_AGAIN/, [image, '--port', '0', '--host', 'no-such-host.invalid']],
    [/cannot be used with option '-p/, [image, ...at, '--port', '1']],
    [/whole number from 0 to 65535/, [image, '--port', '65536']],
    [/Allowed choices are auto, io_uring, epoll, poll/, [image, ...at, '--fdmon', 'select']],
    [/missing required argument/, []],
    [/unknown option '--nonsense'/, [image, '--nonsense']],
  ]
  const said = await Promise.all(cases.map(([, args]) => refusal('serve', ...args)))
  for (const [i, [pattern]] of cases.entries()) {
    expect(said[i]).toMatch(pattern)
    expect(said[i]!.trim().split('\n')).toHaveLength(1)
  }
  expect(existsSync(socket)).toBe(false)
  busy.close()
})

test('help is there at every level, with examples, and so is the version', async () => {
  for (const args of [['--help'], ['serve', '--help'], ['demo', '--help'], ['bench', '--help']]) {
    const program = new Program(args)
    expect(await program.ended()).toBe(0)
    expect(program.stdout).toContain('Examples:\n  $ ')
  }
  const program = new Program(['--version'])
  expect(await program.ended()).toBe(0)
  expect(program.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
