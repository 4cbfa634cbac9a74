import path from 'node:path'
import { AioContext } from 'aiokit'
import { Command } from 'commander'
import { type Address, uriOf } from '../address.ts'
import type { AioName, FdmonName } from '../names.ts'
import { Refusal } from '../refusal.ts'
import { runLoop } from '../run-loop.ts'
import { ImageFile } from '../server/image-file.ts'
import { NbdServer } from '../server/nbd-server.ts'
import {
  type AddressOptions,
  addressOf,
  aioOption,
  DEFAULT_POLLING,
  exportName,
  fdmonOption,
  hostOption,
  iothreadsOption,
  type PollOptions,
  pollOptions,
  pollParams,
  portOption,
  seconds,
  socketOption,
} from './arguments.ts'
import { loopTable } from './tables.ts'
import { bytes } from './units.ts'

interface ServeOptions extends AddressOptions, PollOptions {
  readOnly: boolean
  exportName: string
  handshakeTimeout?: number
  fdmon: FdmonName
  aio: AioName
  iothreads: number
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('export a raw disk image until SIGINT or SIGTERM')
    .description(
      'Exports a raw disk image, or a block device, over NBD until SIGINT or SIGTERM. Prints where it listens when it does, and in the end what it has done.',
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
    .addOption(iothreadsOption())
  for (const option of pollOptions(DEFAULT_POLLING)) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ truncate -s 1G disk.img
  $ aiokit-nbd serve disk.img --socket /tmp/disk.sock
  $ nbdinfo 'nbd+unix:///?socket=/tmp/disk.sock'

  $ aiokit-nbd serve disk.img --port 10809 --read-only
  $ qemu-img info nbd://127.0.0.1:10809

  $ aiokit-nbd serve disk.img --socket /tmp/disk.sock --iothreads 4`,
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

  const image = new ImageFile(file, options.readOnly)
  try {
    await serveImage(image, address, options, () => stopped)
  } finally {
    image.close()
  }
  console.log('stopped')
}

async function serveImage(
  file: ImageFile,
  address: Address,
  options: ServeOptions,
  stopped: () => boolean,
): Promise<void> {
  const { exportName, handshakeTimeout: handshakeTimeoutNs = 30e9, fdmon, aio, iothreads } = options
  const warn = (message: string): void => console.error(`aiokit-nbd: ${message}`)
  const poll = pollParams(options)
  const ctx = new AioContext({ name: 'aiokit-nbd', fdmon, io: { aio }, poll, measure: true })
  const server = await NbdServer.start(ctx, {
    file,
    address,
    exportName,
    handshakeTimeoutNs,
    fdmon,
    aio,
    iothreads,
    poll,
    warn,
  })
  try {
    const access = file.readOnly ? 'read-only' : 'read-write'
    console.log(`serving ${path.basename(file.path)}: ${bytes(file.size)}, ${access}`)
    console.log(`listening on ${uriOf(server.address, exportName)}`)
    const { fdmonName, fallback } = server.info
    if (fallback !== null) warn(`goes on with ${fdmonName}: ${fallback}`)
    await runLoop(ctx, () => stopped() || server.failure !== null)
    if (server.failure === null) {
      const stats = await server.stats()
      if (stats.requests > 0) console.log(loopTable(stats, iothreads))
    }
  } finally {
    await server.close()
  }
  if (server.failure !== null) throw server.failure
}
