import { truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AioContext, sys } from 'aiokit'
import { describe, expect, test } from 'vitest'
import { clientFlags, option } from '../src/client/negotiate.ts'
import { CMD_READ, OPT_GO } from '../src/protocol/constants.ts'
import { infoRequest } from '../src/protocol/options.ts'
import { BufferPool } from '../src/server/buffer-pool.ts'
import { Connection, type Served } from '../src/server/connection.ts'
import { type Completion, Image } from '../src/server/image.ts'
import { ImageFile } from '../src/server/image-file.ts'
import { LoopMeter } from '../src/server/loop-stats.ts'
import { request } from './support/raw-client.ts'
import { MONITORS, temporaryFolder } from './support/server-process.ts'

/** Requests of a turn: what the budget of one comes to for requests with hardly any data. */
const TURN = 256

/** Counts READs by their offset, which here says whose they are. */
class CountingImage extends Image {
  reads = [0, 0]
  watch: (reads: number[]) => void = () => {}

  override read(_bytes: Uint8Array, _offset: number, length: number, position: number, done: Completion) {
    this.reads[position]!++
    this.watch(this.reads)
    done.complete(length)
  }
}

const folder = temporaryFolder()

describe.each(MONITORS)('on %s', (fdmon) => {
  test('F10: a client gets one turn a pass, however many requests wait here and in its socket', () => {
    const file = path.join(folder, 'disk.img')
    writeFileSync(file, '')
    truncateSync(file, 2)
    using ctx = new AioContext({ fdmon })
    const imageFile = new ImageFile(file, true)
    const image = new CountingImage(ctx.io, imageFile)
    const served: Served = {
      ctx,
      image,
      info: { name: '', description: '', size: imageFile.size, readOnly: true },
      pool: new BufferPool(),
      meter: new LoopMeter(ctx),
      handshakeTimeoutNs: 0,
      closed() {},
    }
    const clients = [0, 1].map((offset) => {
      const fds = new Int32Array(2)
      const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC
      sys.check(sys.socketpair(sys.AF_UNIX, type, 0, fds), 'socketpair')
      const connection = new Connection(served, fds[0]!, false)
      connection.start()
      const send = (bytes: Uint8Array) =>
        expect(sys.send(fds[1]!, bytes, 0, bytes.length, 0)).toBe(bytes.length)
      return { connection, fd: fds[1]!, send, read: request({ type: CMD_READ, offset, length: 1 }) }
    })
    const handshake = [clientFlags(3), option(OPT_GO, infoRequest('', []))]
    for (const { send, read } of clients)
      send(Buffer.concat([...handshake, ...new Array<Buffer>(4 * TURN).fill(read)]))

    // No client has two turns before the other has one, although each has four here and more in its socket.
    let ahead = 0
    image.watch = ([first = 0, second = 0]) => {
      ahead = Math.max(ahead, Math.abs(first - second))
    }
    for (let pass = 0; pass < 4; pass++) {
      ctx.poll(false)
      // Something to receive while requests wait: that must not be taken for one more turn.
      for (const { send, read } of clients) send(read)
    }
    ctx.waitWhile(() => image.reads[0]! + image.reads[1]! < 2 * (4 * TURN + 4))
    expect(image.reads).toEqual([4 * TURN + 4, 4 * TURN + 4])
    expect(ahead).toBeLessThan(2 * TURN)

    for (const { connection, fd } of clients) {
      connection.close()
      sys.close(fd)
    }
    imageFile.close()
  })
})
