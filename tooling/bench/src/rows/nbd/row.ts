import type { Goal, Measure, Row } from '../../row.ts'
import type { NbdCommand } from './server.ts'
import { servers } from './servers.ts'

const IMAGE_MIB = 1024
const names = Object.keys(servers)
const isOurs = (name: string) => name.startsWith('aiokit')

const SERVERS =
  'Each server serves the same image of 1 GiB, all of it in the page cache, read-only over a Unix socket, in a process ' +
  'of its own, to a client in another. qemu-nbd reads with io_uring, which is faster here than its threads; nbdkit has ' +
  'its 16 threads for each client, and once 1. '

function contenders(load: (command: NbdCommand) => Promise<Measure>): Row['contenders'] {
  return Object.entries(servers).map(([name, command]) => ({
    name,
    kind: isOurs(name) ? 'aiokit' : 'peer',
    load: async () => ({ measure: await load(command) }),
  }))
}

function goals(cases: readonly string[]): Goal[] {
  return cases.flatMap((theCase) =>
    names
      .filter((name) => !isOurs(name))
      .map((peer) => ({
        kind: 'atMost',
        factor: 1,
        of: { contender: 'aiokit-nbd', case: theCase },
        against: { contender: peer, case: theCase },
        as: peer,
      })),
  )
}

const DEPTHS = [
  { name: 'depth 1', ops: 20_000, warmup: 5000 },
  { name: 'depth 16', ops: 50_000, warmup: 10_000 },
  { name: 'depth 64', ops: 50_000, warmup: 10_000 },
]

export const nbd: Row = {
  name: 'nbd',
  title: 'Reads of 4 KiB from an NBD server',
  what:
    SERVERS +
    'qemu-img bench reads 4 KiB at a time, each 0.618 of the image further than the one before, with so many requests ' +
    'in flight on one connection. The time is that of its own report, after a shorter run to warm up.',
  op: 'read',
  plot: 'bars',
  fileMiB: IMAGE_MIB,
  cases: DEPTHS,
  contenders: contenders(async (command) => (await import('./random-reads.ts')).randomReads(command)),
  goals: goals(DEPTHS.map(({ name }) => name)),
}

const WHOLE = 'whole image'

export const nbdCopy: Row = {
  name: 'nbd-copy',
  title: 'A whole image from an NBD server',
  what:
    SERVERS +
    'nbdcopy copies the image to nowhere, as it does by itself: up to 4 connections, 64 requests of 256 KiB in flight on ' +
    'each. Timed is its process, twice, after once to warm up.',
  op: 'MiB',
  plot: 'bars',
  fileMiB: IMAGE_MIB,
  cases: [{ name: WHOLE, ops: 2 * IMAGE_MIB, warmup: IMAGE_MIB }],
  contenders: contenders(async (command) => (await import('./whole-image.ts')).wholeImage(command)),
  goals: goals([WHOLE]),
}
