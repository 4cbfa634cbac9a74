import { Command } from 'commander'
import { runDemo } from '../demo/demo.ts'
import type { AioName, FdmonName } from '../names.ts'
import { Refusal } from '../refusal.ts'
import {
  aioOption,
  DEFAULT_POLLING,
  fdmonOption,
  integer,
  iothreadsOption,
  type PollOptions,
  pollOptions,
  pollParams,
  size,
} from './arguments.ts'
import { progressOf } from './progress.ts'
import { loadTable, loopTable } from './tables.ts'
import { bytes, count } from './units.ts'

interface DemoOptions extends PollOptions {
  size: number
  requests: number
  depth: number
  clients: number
  fdmon: FdmonName
  aio: AioName
  iothreads: number
}

const SECTOR = 512

export function demoCommand(): Command {
  const command = new Command('demo')
    .summary('serve an empty disk to a client process and verify every byte')
    .description(
      'Serves an empty disk in a temporary folder to a client process of its own, which reads and writes at random, verifies every byte, and reads the whole disk once more in the end. Leaves nothing behind.',
    )
    .option('--size <bytes>', 'size of the disk, such as 256M', size, size('256M'))
    .option('--requests <number>', 'reads and writes', integer(1, 1e9), 100_000)
    .option('--depth <number>', 'requests in flight of each client', integer(1, 1024), 16)
    .option('--clients <number>', 'connections', integer(1, 1000), 1)
    .addOption(fdmonOption())
    .addOption(aioOption())
    .addOption(iothreadsOption())
  for (const option of pollOptions(DEFAULT_POLLING)) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ aiokit-nbd demo
  $ aiokit-nbd demo --clients 100 --depth 4 --fdmon epoll
  $ aiokit-nbd demo --clients 4 --iothreads 2
  $ aiokit-nbd demo --depth 1 --requests 20000 --poll-max-ns 100000`,
    )
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const { clients, depth, requests } = options
  const inFlight = clients * depth
  const least = 8 * SECTOR * inFlight
  if (options.size < least || options.size % SECTOR !== 0) {
    throw new Refusal(
      `--size has to be a multiple of ${SECTOR} and at least ${least} for ${inFlight} requests in flight`,
    )
  }
  let stopped = false
  const stop = (): void => {
    stopped = true
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)

  console.log(
    `${count(requests)} requests to a disk of ${bytes(options.size)}: ${clients} client(s), ${depth} in flight each`,
  )
  const progress = progressOf(requests)
  const result = await runDemo({
    ...options,
    poll: pollParams(options),
    progress: (done) => progress.update(done),
    stopped: () => stopped,
  }).finally(() => progress.stop())
  if (result === null) {
    process.exitCode = 130
    return
  }

  const { load, sweep } = result
  console.log(
    loadTable('', [
      ['read', load.read, load.elapsedNs],
      ['write', load.write, load.elapsedNs],
      ['whole disk', sweep.read, sweep.elapsedNs],
    ]),
  )
  console.log(loopTable(result.server, options.iothreads))
  const wrong = load.mismatches + sweep.mismatches
  const errors = load.errors + sweep.errors
  if (wrong + errors > 0) {
    throw new Refusal(`${count(wrong)} replies had wrong data, ${count(errors)} were errors`)
  }
  if (result.fallback !== null) console.log(result.fallback)
  const verified = load.read.bytes + sweep.read.bytes
  const threads = options.iothreads === 0 ? '' : `, I/O threads: ${options.iothreads}`
  console.log(
    `monitor: ${result.fdmonName}, image: ${result.aio}${threads}; ${bytes(verified)} read and verified: every byte was right`,
  )
}
