import { AioContext } from 'aiokit'
import { Command } from 'commander'
import type { Address } from '../address.ts'
import type { Measured } from '../load/latency.ts'
import { Load } from '../load/load.ts'
import { RandomBlocks } from '../load/random-blocks.ts'
import { MAX_PAYLOAD } from '../protocol/constants.ts'
import { Refusal } from '../refusal.ts'
import {
  type AddressOptions,
  addressOf,
  depths,
  exportName,
  hostOption,
  integer,
  type PollOptions,
  pollOptions,
  pollParams,
  portOption,
  size,
  socketOption,
} from './arguments.ts'
import { loadTable, pollingLine } from './tables.ts'

interface BenchOptions extends AddressOptions, PollOptions {
  exportName: string
  depth: number[]
  block: number
  requests: number
  write: boolean
}

/** For requests and data that are under way. */
const MAX_MEMORY = 2 ** 30

export function benchCommand(): Command {
  const command = new Command('bench')
    .summary('measure any NBD server')
    .description(
      'Measures any NBD server with random reads, or writes, of one size at one or more depths. With --write it destroys what the export contains.',
    )
    .addOption(socketOption())
    .addOption(portOption('TCP port', 1))
    .addOption(hostOption())
    .option('--export-name <name>', 'name of the export', exportName, '')
    .option('--depth <numbers>', 'requests in flight; with commas, one run for each', depths, [1, 16, 64])
    .option('--block <bytes>', 'size of a request', size, 4096)
    .option('--requests <number>', 'requests of each run', integer(1, 1e9), 50_000)
    .option('--write', 'write instead of read: DESTROYS what is there', false)
  for (const option of pollOptions('none')) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ aiokit-nbd bench --socket /tmp/disk.sock
  $ aiokit-nbd bench --port 10809 --depth 32 --block 64k --requests 10000 --write`,
    )
    .action(bench)
}

async function bench(options: BenchOptions): Promise<void> {
  const address = await addressOf(options)
  if (address === null) throw new Refusal('say which server to measure: --socket PATH or --port NUMBER')
  const { block, depth } = options
  if (block > MAX_PAYLOAD || block % 4 !== 0 || block * Math.max(...depth) > MAX_MEMORY) {
    throw new Refusal(
      '--block has to be a multiple of 4, at most 32M, and with all that are in flight at most 1G',
    )
  }
  // Signals end this process as they end any other: it has nothing to clean up.
  const ctx = new AioContext({ name: 'aiokit-nbd bench', poll: pollParams(options) })
  try {
    console.log(
      loadTable(
        'depth',
        depth.map((value) => measure(ctx, address, options, value)),
      ),
    )
    if (options.pollMaxNs !== undefined) console.log(pollingLine(ctx.stats()))
  } finally {
    ctx.close()
  }
}

function measure(
  ctx: AioContext,
  address: Address,
  { exportName, block, requests, write }: BenchOptions,
  depth: number,
): [string, Measured, number] {
  const load = new Load(ctx, block, { address, exportName, clients: 1, depth, requests })
  try {
    if (load.size < block) throw new Refusal(`the export has ${load.size} bytes, less than one block`)
    load.start(new RandomBlocks(load.size, block, write))
    ctx.waitWhile(() => !load.isDone)
    const { read, write: written, elapsedNs, errors } = load.result
    if (errors > 0)
      throw new Refusal(`the server has answered ${errors} of ${requests} requests with an error`)
    return [String(depth), write ? written : read, elapsedNs]
  } finally {
    load.close()
  }
}
