import path from 'node:path'
import { AioContext } from 'aiokit'
import { Command } from 'commander'
import { uriOf } from '../address.ts'
import { Refusal } from '../refusal.ts'
import { runLoop } from '../run-loop.ts'
import { Image } from '../server/image.ts'
import { NbdServer } from '../server/nbd-server.ts'
import {
  type AddressOptions,
  type AioName,
  addressOf,
  aioOption,
  exportName,
  type FdmonName,
  fdmonOption,
  hostOption,
  portOption,
  seconds,
  socketOption,
} from './arguments.ts'
import { bytes } from './units.ts'

interface ServeOptions extends AddressOptions {
  readOnly: boolean
  exportName: string
  handshakeTimeout?: number
  fdmon: FdmonName
  aio: AioName
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('export a raw disk image until SIGINT or SIGTERM')
    .description(
      'Exports a raw disk image, or a block device, over NBD until SIGINT or SIGTERM. Prints where it listens when it does.',
    )
    .argument('<image>', 'file or block device; its size is the size of the export')
    .addOption(socketOption())
    .addOption(portOption('TCP port; 0 lets the system choose one', 0))
    .addOption(hostOption())
    .option('-r, --read-only', 'refuse writes', false)
    .option('--export-name <name>', 'name that clients may ask for beside the empty one', exportName, '')
    .option(
      '--handshake-timeout <seconds>',
      'how long a client may negotiate; 0 is for ever (default: 30)',
      seconds,
    )
    .addOption(fdmonOption())
    .addOption(aioOption())
    .addHelpText(
      'after',
      `
Examples:
  $ truncate -s 1G disk.img
  $ aiokit-nbd serve disk.img --socket /tmp/disk.sock
  $ nbdinfo 'nbd+unix:///?socket=/tmp/disk.sock'

  $ aiokit-nbd serve disk.img --port 10809 --read-only
  $ qemu-img info nbd://127.0.0.1:10809`,
    )
    .action(serve)
}

async function serve(file: string, options: ServeOptions): Promise<void> {
  const address = await addressOf(options)
  if (address === null) throw new Refusal('say where to listen: --socket PATH or --port NUMBER')
  // Before anything that is to be cleaned up exists.
  let stopped = false
  const stop = (): void => {
    stopped = true
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)

  const ctx = new AioContext({ name: 'aiokit-nbd', fdmon: options.fdmon, io: { aio: options.aio } })
  const image = openImage(ctx, file, options.readOnly)
  try {
    const warn = (message: string): void => console.error(`aiokit-nbd: ${message}`)
    const { exportName, handshakeTimeout: handshakeTimeoutNs = 30e9 } = options
    const server = new NbdServer(ctx, { image, address, exportName, handshakeTimeoutNs, warn })
    const access = image.readOnly ? 'read-only' : 'read-write'
    console.log(`serving ${path.basename(file)}: ${bytes(image.size)}, ${access}`)
    console.log(`listening on ${uriOf(server.address, exportName)}`)
    if (ctx.fdmonFallback !== null) warn(`goes on with ${ctx.fdmonName}: ${ctx.fdmonFallback.message}`)
    try {
      await runLoop(ctx, () => stopped)
    } finally {
      server.close()
    }
  } finally {
    ctx.close()
    image.close()
  }
  console.log('stopped')
}

function openImage(ctx: AioContext, file: string, readOnly: boolean): Image {
  try {
    return new Image(ctx.io, file, readOnly)
  } catch (error) {
    ctx.close()
    throw error
  }
}
