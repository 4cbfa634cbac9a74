import { truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AioContext, type BottomHalf } from 'aiokit'
import { describe, expect, test } from 'vitest'
import { DiskModel } from '../src/load/disk-model.ts'
import { Load } from '../src/load/load.ts'
import { Random } from '../src/load/random.ts'
import { Sweep } from '../src/load/sweep.ts'
import { Clients } from '../src/server/clients.ts'
import { type Completion, Image } from '../src/server/image.ts'
import { ImageFile } from '../src/server/image-file.ts'
import { Listener } from '../src/server/listener.ts'
import { MONITORS, temporaryFolder } from './support/server-process.ts'

/** An image whose operations are done later and in any order, as those of a ring or of other threads are. */
class LateImage extends Image {
  readonly #waiting: (() => void)[] = []
  readonly #random = new Random(1)
  readonly #bottomHalf: BottomHalf
  most = 0

  constructor(ctx: AioContext, file: ImageFile) {
    super(ctx.io, file)
    this.#bottomHalf = ctx.createBottomHalf(() => this.#doOne())
  }

  override read(...args: Parameters<Image['read']>): void {
    this.#later(() => super.read(...args))
  }

  override write(...args: Parameters<Image['write']>): void {
    this.#later(() => super.write(...args))
  }

  override flush(done: Completion): void {
    this.#later(() => super.flush(done))
  }

  close(): void {
    this.#bottomHalf.delete()
  }

  #later(operation: () => void): void {
    this.#waiting.push(operation)
    this.most = Math.max(this.most, this.#waiting.length)
    this.#bottomHalf.schedule()
  }

  #doOne(): void {
    const [operation] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1)
    if (this.#waiting.length > 0) this.#bottomHalf.schedule()
    operation!()
  }
}

const folder = temporaryFolder()
const SIZE = 16 * 2 ** 20

describe.each(MONITORS)('on %s', (fdmon) => {
  test('an image may do its work later and in any order, also for clients that are gone', () => {
    const file = path.join(folder, 'disk.img')
    writeFileSync(file, '')
    truncateSync(file, SIZE)
    const address = { path: path.join(folder, 'nbd.sock') }
    using ctx = new AioContext({ fdmon })
    const imageFile = new ImageFile(file, false)
    const image = new LateImage(ctx, imageFile)
    const clients = new Clients(ctx, image, { exportName: '', handshakeTimeoutNs: 30e9, isTcp: false })
    const listener = new Listener(ctx, address, (fd) => clients.add(fd), expect.fail)
    const options = { address, exportName: '', clients: 3, depth: 4 }

    // Short requests, and long ones that arrive in pieces.
    const model = new DiskModel(SIZE, 150_000)
    const load = new Load(ctx, model.maxLength, { ...options, requests: 3000 })
    load.start(model)
    ctx.waitWhile(() => !load.isDone)
    load.close()
    expect(load.result).toMatchObject({ errors: 0, mismatches: 0 })
    expect(image.most).toBeGreaterThan(3)

    // Long requests, in pieces, and clients that leave in the middle of them.
    for (const enough of [5, 1]) {
      const reads = new Sweep(SIZE, 3_000_000 - (3_000_000 % 512), model)
      const leaving = new Load(ctx, reads.maxLength, { ...options, clients: 1, requests: reads.requests })
      leaving.start(reads)
      ctx.waitWhile(() => leaving.done < enough)
      leaving.close()
      expect(leaving.result).toMatchObject({ errors: 0, mismatches: 0 })
    }
    const sweep = new Sweep(SIZE, 2 ** 20, model)
    const last = new Load(ctx, sweep.maxLength, { ...options, clients: 1, requests: sweep.requests })
    last.start(sweep)
    ctx.waitWhile(() => !last.isDone)
    expect(last.result).toMatchObject({ errors: 0, mismatches: 0 })
    last.close()
    ctx.waitWhile(() => clients.count > 0)
    listener.close()
    image.close()
    imageFile.close()
  })
})
