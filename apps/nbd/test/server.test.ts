import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { clientFlags, option } from '../src/client/negotiate.ts'
import {
  CMD_DISC,
  CMD_FLAG_FUA,
  CMD_FLUSH,
  CMD_READ,
  CMD_TRIM,
  CMD_WRITE,
  MAX_PAYLOAD,
  NBD_EINVAL,
  NBD_EIO,
  NBD_ENOSPC,
  NBD_EPERM,
  REPLY_SIZE,
} from '../src/protocol/constants.ts'
import { infoRequest } from '../src/protocol/options.ts'
import { RawClient, request, write } from './support/raw-client.ts'
import { MONITORS, type Program, serve, temporaryFolder } from './support/server-process.ts'

const folder = temporaryFolder()
const image = path.join(folder, 'disk.img')
const address = { path: path.join(folder, 'nbd.sock') }
const SIZE = 64 * 2 ** 20 + 100

/** What the image begins with; no test writes there. */
const PAGE = Buffer.alloc(4096, 'no two sectors of this page are the same because this sentence is repeated ')

describe.each(MONITORS)('on %s', (fdmon) => {
  let server: Program
  /** A well-behaved client, connected before anything happens to the server. */
  let other: RawClient

  async function start(...args: string[]): Promise<void> {
    server = await serve([image, '--socket', address.path, '--fdmon', fdmon, ...args])
    other = RawClient.ready(address)
  }

  beforeEach(() => {
    writeFileSync(image, PAGE)
    truncateSync(image, SIZE)
  })

  function othersGoOn(): void {
    expect(
      other
        .send(request({ type: CMD_READ, length: 4096 }))
        .reply(4096)
        .data.equals(PAGE),
    ).toBe(true)
    const late = RawClient.ready(address)
    expect(late.send(request({ type: CMD_READ, length: 10 })).reply(10).error).toBe(0)
    late.close()
  }

  test('what is written is read back, by others too, and is in the file', async () => {
    await start()
    const client = RawClient.ready(address)
    const data = Buffer.from('hello, disk')
    expect(client.send(write(5000, data)).reply()).toMatchObject({ error: 0, cookie: 1 })
    expect(client.send(write(SIZE - 11, data, CMD_FLAG_FUA)).reply().error).toBe(0)
    for (const reader of [client, other]) {
      expect(reader.send(request({ type: CMD_READ, offset: 5000, length: 11 })).reply(11).data).toEqual(data)
    }
    expect(client.send(request({ type: CMD_FLUSH })).reply().error).toBe(0)
    const file = readFileSync(image)
    expect([file.subarray(5000, 5011), file.subarray(SIZE - 11)]).toEqual([data, data])
  })

  test('requests that come in one piece, byte by byte, or cut anywhere get the same replies', async () => {
    await start()
    const batch = Buffer.concat([
      request({ type: CMD_READ, length: 100, cookie: 1 }),
      write(4200, Buffer.alloc(5000, 'w'), 0, 2),
      request({ type: CMD_READ, offset: SIZE, length: 1, cookie: 3 }),
      request({ type: CMD_READ, offset: 16_384, length: 2000, cookie: 4 }),
      write(SIZE, Buffer.alloc(300), 0, 5),
      request({ type: CMD_FLUSH, cookie: 6 }),
    ])
    const replies = (client: RawClient): unknown =>
      [100, 0, 0, 2000, 0, 0].map((length) => client.reply(length))
    const whole = replies(other.send(batch))
    expect(whole).toMatchObject([
      { error: 0, cookie: 1 },
      { error: 0, cookie: 2 },
      { error: NBD_EINVAL, cookie: 3 },
      { error: 0, cookie: 4 },
      { error: NBD_ENOSPC, cookie: 5 },
      { error: 0, cookie: 6 },
    ])
    const client = RawClient.ready(address)
    for (const byte of batch) client.send(Uint8Array.of(byte))
    expect(replies(client)).toEqual(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(batch.length), { minLength: 1, maxLength: 8 }), (cuts) => {
        const sorted = [0, ...cuts.sort((a, b) => a - b), batch.length]
        for (const [i, cut] of sorted.entries()) client.send(batch.subarray(sorted[i - 1] ?? 0, cut))
        expect(replies(client)).toEqual(whole)
      }),
      { numRuns: 30 },
    )
  })

  test('any sequence of requests is answered as a disk in memory would', async () => {
    await start()
    const near = fc.oneof(fc.nat(20_000), fc.integer({ min: SIZE - 20_000, max: SIZE + 1000 }))
    const anyRequest = fc.record({
      type: fc.constantFrom(CMD_READ, CMD_READ, CMD_WRITE, CMD_WRITE, CMD_FLUSH, CMD_TRIM, 77),
      flags: fc.constantFrom(0, 0, 0, CMD_FLAG_FUA, 2),
      offset: near,
      length: fc.oneof(fc.nat(100), fc.nat(9000)),
      fill: fc.nat(255),
    })
    const model = readFileSync(image)
    fc.assert(
      fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 20 }), (requests) => {
        let bytes: Buffer[] = []
        let wanted: { error: number; cookie: number; data: Buffer }[] = []
        let busy: { offset: number; end: number; isWrite: boolean }[] = []
        const compare = () => {
          other.send(Buffer.concat(bytes))
          expect(wanted.map(({ data }) => other.reply(data.length))).toEqual(wanted)
          ;[bytes, wanted, busy] = [[], [], []]
        }
        for (const [cookie, { type, flags, offset, length, fill }] of requests.entries()) {
          const end = offset + length
          const isWrite = type === CMD_WRITE
          // Requests on their way at the same time are carried out in any order: those that concern each other wait.
          if (busy.some((one) => offset < one.end && one.offset < end && (isWrite || one.isWrite))) compare()
          if (type === CMD_READ || isWrite) busy.push({ offset, end, isWrite })
          const payload = Buffer.alloc(length, fill)
          bytes.push(
            type === CMD_WRITE
              ? write(offset, payload, flags, cookie)
              : request({ type, flags, offset, length, cookie }),
          )
          let error = flags > 1 ? NBD_EINVAL : 0
          if (type > CMD_FLUSH || (type === CMD_FLUSH && end > 0)) error = NBD_EINVAL
          if (error === 0 && type !== CMD_FLUSH && end > SIZE)
            error = type === CMD_READ ? NBD_EINVAL : NBD_ENOSPC
          if (error === 0 && type === CMD_WRITE) payload.copy(model, offset)
          const data =
            error === 0 && type === CMD_READ ? Buffer.from(model.subarray(offset, end)) : Buffer.alloc(0)
          wanted.push({ error, cookie, data })
        }
        compare()
      }),
      { numRuns: 60 },
    )
  })

  test('the longest READ and WRITE go through whole', async () => {
    await start()
    const data = Buffer.alloc(MAX_PAYLOAD)
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE((i * 2654435761) >>> 0, i)
    expect(other.send(write(5555, data)).reply().error).toBe(0)
    const back = other.send(request({ type: CMD_READ, offset: 5555, length: MAX_PAYLOAD })).reply(MAX_PAYLOAD)
    expect(back.data.equals(data)).toBe(true)
    othersGoOn()
  })

  test('requests of no length succeed', async () => {
    await start()
    expect(other.send(request({ type: CMD_READ })).reply().error).toBe(0)
    expect(other.send(write(5, Buffer.alloc(0))).reply().error).toBe(0)
    othersGoOn()
  })

  test('wrong magic closes the connection', async () => {
    await start()
    const client = RawClient.ready(address)
    const bad = request({ type: CMD_READ, length: 1 })
    bad[0]! ^= 0xff
    const replies = client.send(Buffer.concat([request({ type: CMD_READ, length: 1 }), bad])).rest()
    expect(replies).toHaveLength(REPLY_SIZE + 1)
    othersGoOn()
  })

  test('a WRITE of 4 GiB gets an error and a closed connection', async () => {
    await start()
    const client = RawClient.ready(address)
    const rest = client.send(request({ type: CMD_WRITE, length: 0xffff_ffff })).rest()
    expect([rest.length, rest.readUInt32BE(4)]).toEqual([REPLY_SIZE, NBD_EINVAL])
    othersGoOn()
  })

  test('a READ of 4 GiB gets an error', async () => {
    await start()
    const client = RawClient.ready(address)
    for (const length of [0xffff_ffff, MAX_PAYLOAD + 1]) {
      expect(client.send(request({ type: CMD_READ, length })).reply().error).toBe(NBD_EINVAL)
    }
    othersGoOn()
  })

  test('requests beyond the end get an error, also where 64 bits overflow', async () => {
    await start()
    const client = RawClient.ready(address)
    for (const offset of [SIZE, SIZE - 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      expect(client.send(request({ type: CMD_READ, offset, length: 2 })).reply().error).toBe(NBD_EINVAL)
      expect(client.send(write(offset, Buffer.alloc(2))).reply().error).toBe(NBD_ENOSPC)
    }
    const last = write(0, Buffer.alloc(9000))
    last.writeBigUInt64BE(2n ** 64n - 4096n, 16)
    expect(client.send(last).reply().error).toBe(NBD_ENOSPC)
    expect(readFileSync(image)).toHaveLength(SIZE)
    othersGoOn()
  })

  test('unknown commands and flags get an error', async () => {
    await start()
    const client = RawClient.ready(address)
    for (const type of [CMD_TRIM, 5, 6, 7, 8, 0xffff]) {
      expect(client.send(request({ type, length: 10 })).reply().error).toBe(NBD_EINVAL)
    }
    expect(client.send(request({ type: CMD_READ, flags: 4, length: 1 })).reply().error).toBe(NBD_EINVAL)
    expect(client.send(write(0, Buffer.alloc(10), 2)).reply().error).toBe(NBD_EINVAL)
    expect(client.send(request({ type: CMD_FLUSH, length: 1 })).reply().error).toBe(NBD_EINVAL)
    othersGoOn()
  })

  test('a client that stops in the middle of anything harms nobody, nor does its end', async () => {
    await start()
    const bytes = write(8192, Buffer.alloc(100_000, 'x'))
    for (const length of [1, 27, 28, 29, 70_000]) {
      const client = RawClient.ready(address).send(bytes.subarray(0, length))
      othersGoOn()
      client.close()
    }
    for (const length of [1, 3, 4, 10, 19, 20]) {
      const client = new RawClient(address).send(
        Buffer.concat([clientFlags(3), option(7, infoRequest('', [0]))]).subarray(0, length),
      )
      othersGoOn()
      client.close()
    }
  })

  test('a client that does not finish the handshake in time is disconnected, others are not', async () => {
    await start('--handshake-timeout', '0.05')
    const half = Buffer.concat([clientFlags(3), option(3), option(7).subarray(0, 7)])
    for (const bytes of [Buffer.alloc(0), half]) new RawClient(address).send(bytes).rest()
    othersGoOn()
  })

  test('an option with too much data closes the connection', async () => {
    await start()
    const client = new RawClient(address)
    const header = Buffer.from(option(9))
    header.writeUInt32BE(0xffff_ffff, 12)
    client.send(clientFlags(3)).send(header)
    expect(client.rest()).toHaveLength(18)
    othersGoOn()
  })

  test('a client that sends options and takes no replies is left waiting, in little memory', async () => {
    await start()
    const client = new RawClient(address).send(clientFlags(3))
    const list = Buffer.concat(Array.from({ length: 20_000 }, () => option(3)))
    // While the server is stopped, so that it gets as much at once as a socket holds, and has to answer far more.
    server.process.kill('SIGSTOP')
    client.sendSome(list)
    server.process.kill('SIGCONT')
    othersGoOn()
    while (client.sendSome(list) === list.length) othersGoOn()
    expect(memoryOf(server)).toBeLessThan(200 * 2 ** 20)
    othersGoOn()
  })

  test('writes to a read-only export are refused and change nothing', async () => {
    await start('--read-only')
    const client = RawClient.ready(address)
    expect(client.send(write(0, Buffer.alloc(200_000, 'x'))).reply().error).toBe(NBD_EPERM)
    expect(client.send(request({ type: CMD_FLUSH })).reply().error).toBe(0)
    othersGoOn()
  })

  test('clients that take no replies are not read from, in bounded memory, and get them all in the end', async () => {
    await start()
    const length = MAX_PAYLOAD
    const clients = Array.from({ length: 8 }, () => RawClient.ready(address))
    for (const client of clients) {
      for (let cookie = 0; cookie < 50; cookie++) client.send(request({ type: CMD_READ, length, cookie }))
      othersGoOn()
    }
    expect(memoryOf(server)).toBeLessThan(200 * 2 ** 20)
    for (const client of clients) expect(client.reply(length)).toMatchObject({ error: 0, cookie: 0 })
    othersGoOn()
  })

  test('DISC closes the connection after the replies to what came before', async () => {
    await start()
    const client = RawClient.ready(address)
    const rest = client
      .send(Buffer.concat([request({ type: CMD_READ, length: 3_000_000 }), request({ type: CMD_DISC })]))
      .rest()
    expect(rest).toHaveLength(REPLY_SIZE + 3_000_000)
    othersGoOn()
  })

  test('an image that became shorter gives an error, and a broken connection where half a reply is sent', async () => {
    await start()
    truncateSync(image, 2 ** 20 + 50_000)
    expect(other.send(request({ type: CMD_READ, offset: 2 ** 20, length: 100_000 })).reply().error).toBe(
      NBD_EIO,
    )
    expect(other.send(request({ type: CMD_READ, offset: 2 ** 21, length: 8_000_000 })).reply().error).toBe(
      NBD_EIO,
    )
    const client = RawClient.ready(address)
    // The first MiB is there.
    const rest = client.send(request({ type: CMD_READ, length: 8_000_000 })).rest()
    expect(rest.length).toBeLessThan(8_000_000)
    othersGoOn()
  })
})

function memoryOf(server: Program): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)![1])
}
