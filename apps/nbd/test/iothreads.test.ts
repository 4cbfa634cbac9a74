import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hasCommand } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { CMD_FLUSH, CMD_READ } from '../src/protocol/constants.ts'
import { haveSameContent } from './support/compare.ts'
import { RawClient, request, write } from './support/raw-client.ts'
import {
  complaints,
  imageBy,
  MONITORS,
  monitorFor,
  Program,
  serve,
  temporaryFolder,
} from './support/server-process.ts'

const folder = temporaryFolder()
const run = promisify(execFile)
let files = 0
const newPath = (): string => path.join(folder, String(files++))
function newImage(size: number): string {
  const image = newPath()
  writeFileSync(image, '')
  truncateSync(image, size)
  return image
}

/** A server with I/O threads. */
async function start(fdmon: string, size: number, iothreads = 3, under?: string) {
  const image = newImage(size)
  const socket = newPath()
  const args = [image, '--socket', socket, '--fdmon', fdmon, '--iothreads', String(iothreads)]
  return { image, socket, uri: `nbd+unix:///?socket=${socket}`, server: await serve(args, under) }
}

describe.each(MONITORS)('on %s', (fdmon) => {
  test('clients of all threads see one disk, also when others vanish, until a signal ends it well', async () => {
    const { image, socket, server } = await start(fdmon, 2 ** 20)
    const address = { path: socket }
    const clients = Array.from({ length: 20 }, () => RawClient.ready(address))
    for (const [i, client] of clients.entries()) client.send(write(i, Uint8Array.of(i + 1)))
    for (const client of clients) expect(client.reply().error).toBe(0)
    const all = Buffer.from(Array.from({ length: 20 }, (_, i) => i + 1))
    const read = request({ type: CMD_READ, length: 20 })
    for (const client of clients) expect(client.send(read).reply(20).data).toEqual(all)
    expect(clients[0]!.send(request({ type: CMD_FLUSH })).reply().error).toBe(0)

    const many = Buffer.concat(Array.from({ length: 20 }, () => request({ type: CMD_READ, length: 500_000 })))
    for (const client of clients.splice(0, 10)) client.send(many).close()
    for (let i = 0; i < 10; i++) clients.push(RawClient.ready(address))
    for (const client of clients) expect(client.send(read).reply(20).data).toEqual(all)

    expect(await server.end('SIGTERM')).toBe(0)
    for (const client of clients) expect(client.rest()).toHaveLength(0)
    expect([existsSync(socket), complaints(server, fdmon), server.stdout.endsWith('stopped\n')]).toEqual([
      false,
      '',
      true,
    ])
    expect(readFileSync(image).subarray(0, 20)).toEqual(all)
  })

  test.skipIf(!hasCommand('nbdcopy'))(
    'nbdcopy copies a disk in and out with all its connections (needs nbdcopy)',
    async () => {
      const { image, uri, server } = await start(fdmon, 20_000_000)
      const source = newImage(20_000_000)
      writeFileSync(source, Buffer.alloc(20_000_000, 'all of this disk is data, and it has no round size'))
      await run('nbdcopy', ['--connections=4', '--flush', source, uri])
      const copy = newImage(20_000_000)
      await run('nbdcopy', ['--connections=4', uri, copy])
      expect(haveSameContent(source, copy)).toBe(true)
      expect(await server.end('SIGINT')).toBe(0)
      expect(haveSameContent(source, image)).toBe(true)
    },
  )

  test('a thread that dies ends the server, which says why, with everybody disconnected', async () => {
    const broken = newPath()
    const preload = fileURLToPath(new URL('support/break-thread.cjs', import.meta.url))
    const under = `NODE_OPTIONS="--require ${preload}" BREAK_FILE="${broken}" exec "$@"`
    const { socket, server } = await start(fdmon, 2 ** 20, 2, under)
    const clients = Array.from({ length: 4 }, () => RawClient.ready({ path: socket }))
    for (const client of clients) expect(client.send(write(0, Buffer.alloc(10))).reply().error).toBe(0)
    writeFileSync(broken, '')
    expect(await server.ended()).toBe(1)
    expect(complaints(server, fdmon)).toMatch(
      /^aiokit-nbd: I\/O thread "nbd \d" has ended of an error that nothing caught: broken on purpose\nError: broken on purpose\n {4}at /,
    )
    for (const client of clients) expect(client.rest()).toHaveLength(0)
    expect(existsSync(socket)).toBe(false)
  })

  test('the demo verifies every byte, and counts what all threads have done', async () => {
    const args = [
      '--size',
      '8M',
      '--requests',
      '2000',
      '--clients',
      '4',
      '--iothreads',
      '2',
      '--fdmon',
      fdmon,
    ]
    const demo = new Program(['demo', ...args])
    expect([await demo.ended(), demo.stderr]).toEqual([0, ''])
    expect(demo.stdout).toMatch(/│ 2 I\/O threads +│/)
    expect(demo.stdout).toMatch(/│ polls +│ +[\d,]{3,} │/)
    expect(demo.stdout).toMatch(
      new RegExp(
        `monitor: ${monitorFor(fdmon)}, image: ${imageBy(fdmon)}, I/O threads: 2; .* every byte was right\\n$`,
      ),
    )
  })
})

test.skipIf(!hasCommand('qemu-io'))(
  'what qemu-io writes through one thread it reads through another (needs qemu-io)',
  async () => {
    const { uri, socket } = await start('auto', 64 * 2 ** 20, 2)
    const io = async (...commands: string[]): Promise<string> =>
      (await run('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri])).stdout
    await io('write -P 17 0 1M', 'flush')
    // Has the first thread from now on: whoever comes next gets the second.
    RawClient.ready({ path: socket })
    const said = await io('read -P 17 0 1M', 'read -P 0 1M 1M')
    expect(said).not.toMatch(/fail/i)
    expect(said.match(/^read /gm)).toHaveLength(2)
  },
)

test('each client gets the thread that has the fewest', async () => {
  const { socket, server } = await start('epoll', 2 ** 20, 4)
  const clients = Array.from({ length: 8 }, () => RawClient.ready({ path: socket }))
  // What is open, and who watches which sockets, by what the kernel says of each eventpoll.
  const proc = `/proc/${server.pid}`
  const attempt = (look: () => number): number => {
    try {
      return look()
    } catch {
      // It was closed meanwhile.
      return 0
    }
  }
  const isSocket = (fd: string): number => Number(readlinkSync(`${proc}/fd/${fd}`).startsWith('socket:'))
  const socketsOf = (fd: string): number => {
    const targets = readFileSync(`${proc}/fdinfo/${fd}`, 'utf8').matchAll(/^tfd: +(\d+)/gm)
    return [...targets].reduce((sum, [, target]) => sum + isSocket(target!), 0)
  }
  const fds = (): string[] => readdirSync(`${proc}/fd`)
  const sockets = (): number => fds().reduce((sum, fd) => sum + attempt(() => isSocket(fd)), 0)
  const spread = async (): Promise<void> => {
    const watched = (): number[] => fds().map((fd) => attempt(() => socketsOf(fd)))
    // One that has just been served is not watched for a moment.
    while (
      watched()
        .filter((count) => count >= 2)
        .join() !== '2,2,2,2'
    )
      await new Promise(setImmediate)
  }
  await spread()
  const before = sockets()
  // Both of them are of one thread.
  for (const i of [5, 1]) clients.splice(i, 1)[0]!.close()
  while (sockets() > before - 2) await new Promise(setImmediate)
  for (let i = 0; i < 2; i++) clients.push(RawClient.ready({ path: socket }))
  await spread()
  for (const client of clients)
    expect(client.send(request({ type: CMD_READ, length: 1 })).reply(1).error).toBe(0)
})

test('what threads cannot begin with is refused in one line', async () => {
  const image = newImage(512)
  const at = ['--socket', newPath(), '--iothreads', '2']
  const cases: [RegExp, string[]][] = [
    [/has no io_uring, its monitor is epoll/, [image, ...at, '--fdmon', 'epoll', '--aio', 'io_uring']],
    [/whole number from 0 to 64/, [image, '--socket', newPath(), '--iothreads', '65']],
    [/ENOENT: .*no-folder/, [image, '--socket', path.join(folder, 'no-folder', 's'), '--iothreads', '2']],
  ]
  for (const [pattern, args] of cases) {
    const program = new Program(['serve', ...args])
    expect(await program.ended()).toBe(1)
    expect(program.stderr).toMatch(pattern)
    expect(program.stderr.trim().split('\n')).toHaveLength(1)
  }
})
