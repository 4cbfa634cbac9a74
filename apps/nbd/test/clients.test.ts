import { execFile } from 'node:child_process'
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { hasCommand } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { haveSameContent } from './support/compare.ts'
import { MONITORS, serve, temporaryFolder } from './support/server-process.ts'

// The clients that everybody has: qemu-utils and libnbd-bin of the distribution.

const folder = temporaryFolder()
/** A test that needs a program: without it skipped, or an error if AIOKIT_REQUIRE_TOOLS is set. */
function testWith(program: string, name: string, body: () => Promise<void>): void {
  if (hasCommand(program)) test(name, body)
  else test.skip(`${name} (skipped: ${program} is not installed)`)
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 2 ** 24 })
  return stdout
}

let images = 0
/** A sparse image. */
function newImage(size: number): string {
  const image = path.join(folder, `${images++}.img`)
  writeFileSync(image, '')
  truncateSync(image, size)
  return image
}

describe.each(MONITORS)('on %s', (fdmon) => {
  const socket = path.join(folder, `${fdmon}.sock`)
  const uri = `nbd+unix:///?socket=${socket}`
  const start = (image: string, ...args: string[]) =>
    serve([image, '--socket', socket, '--fdmon', fdmon, ...args])

  testWith('nbdinfo', 'nbdinfo sees the export as it is', async () => {
    await start(newImage(10 * 2 ** 20 + 1), '--read-only', '--export-name', 'disk')
    const info = JSON.parse(await run('nbdinfo', '--json', '--no-content', uri))
    expect(info).toMatchObject({ protocol: 'newstyle-fixed', TLS: false })
    expect(info.exports[0]).toMatchObject({
      'export-size': 10 * 2 ** 20 + 1,
      is_read_only: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_trim: false,
      can_zero: false,
      block_size_minimum: 1,
      block_size_maximum: 2 ** 25,
    })
    const list = JSON.parse(await run('nbdinfo', '--list', '--json', uri))
    expect(list.exports).toMatchObject([{ 'export-name': 'disk' }])
    expect(await run('nbdinfo', '--size', `nbd+unix:///disk?socket=${socket}`)).toBe('10485761\n')
    await expect(run('nbdinfo', `nbd+unix:///tape?socket=${socket}`)).rejects.toThrow(
      'server replied with error to opt_go',
    )
  })

  testWith('qemu-img', 'qemu-img info sees a raw disk of the right size', async () => {
    await start(newImage(2 ** 30))
    const info = JSON.parse(await run('qemu-img', 'info', '--output=json', uri))
    expect(info).toMatchObject({ format: 'raw', 'virtual-size': 2 ** 30 })
  })

  testWith('nbdcopy', 'nbdcopy copies a GiB with islands of data so that it compares equal', async () => {
    const image = newImage(2 ** 30)
    const fd = openSync(image, 'r+')
    // Islands of all sizes at places that are no multiple of anything.
    for (let i = 0, at = 4321; at < 2 ** 30; i++, at += 29_876_543) {
      const island = Buffer.alloc(1 + ((i * 104_729) % 1_500_000), `island ${i} `)
      writeSync(fd, island, 0, Math.min(island.length, 2 ** 30 - at), at)
    }
    closeSync(fd)
    await start(image, '--read-only')
    const copy = newImage(2 ** 30)
    await run('nbdcopy', uri, copy)
    expect(haveSameContent(image, copy)).toBe(true)
  })

  testWith('nbdcopy', 'nbdcopy copies a disk into the server and out again', async () => {
    const source = newImage(20_000_000)
    writeFileSync(source, Buffer.alloc(20_000_000, 'all of this disk is data, and it has no round size'))
    const server = await start(newImage(20_000_000))
    await run('nbdcopy', '--flush', source, uri)
    expect(await server.end('SIGTERM')).toBe(0)
    await start(path.join(folder, `${images - 1}.img`))
    const copy = newImage(20_000_000)
    await run('nbdcopy', uri, copy)
    expect(haveSameContent(source, copy)).toBe(true)
  })

  testWith('qemu-io', 'what qemu-io writes it reads back after a restart of the server', async () => {
    const image = newImage(64 * 2 ** 20)
    const first = await start(image)
    const commands = ['write -P 17 0 1M', 'write -P 34 12345k 4M', 'write -f -P 51 63M 1M', 'flush']
    await run('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri)
    expect(await first.end('SIGTERM')).toBe(0)
    await start(image)
    const checks = ['read -P 17 0 1M', 'read -P 0 1M 1M', 'read -P 34 12345k 4M', 'read -P 51 63M 1M']
    const said = await run('qemu-io', '-f', 'raw', ...checks.flatMap((command) => ['-c', command]), uri)
    expect(said).not.toMatch(/fail/i)
    expect(said.match(/^read /gm)).toHaveLength(4)
  })

  testWith('qemu-img', 'qemu-img bench runs at depth 1, 16 and 64, reading and writing', async () => {
    await start(newImage(64 * 2 ** 20))
    for (const args of [[], ['-w', '--flush-interval=500']]) {
      for (const depth of [1, 16, 64]) {
        const bench = ['bench', '-f', 'raw', '-t', 'none', '-c', '2000', '-s', '4096', '-d', String(depth)]
        expect(await run('qemu-img', ...bench, ...args, uri)).toContain('Run completed')
      }
    }
  })
})
