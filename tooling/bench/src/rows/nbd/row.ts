import type { Contender, Goal, Measure, Row } from '../../row.ts'
import type { NbdCommand } from './server.ts'
import { pollingServers, servers } from './servers.ts'

const IMAGE_MIB = 1024
const names = Object.keys(servers)
const isOurs = (name: string) => name.startsWith('aiokit')

const SERVERS =
  'Each server serves the same image of 1 GiB, all of it in the page cache, read-only over a Unix socket, in a process ' +
  'of its own, to a client in another. qemu-nbd reads with io_uring, which is faster here than its threads; nbdkit has ' +
  'its 16 threads for each client, and once 1. '

function contenders(
  commands: Readonly<Record<string, NbdCommand>>,
  load: (command: NbdCommand) => Promise<Measure>,
): Contender[] {
  return Object.entries(commands).map(([name, command]) => ({
    name,
    kind: isOurs(name) ? 'aiokit' : 'peer',
    load: async () => ({ measure: await load(command) }),
  }))
}

function goals(cases: readonly string[], ours = 'aiokit-nbd'): Goal[] {
  return cases.flatMap((theCase) =>
    names
      .filter((name) => !isOurs(name))
      .map((peer) => ({
        kind: 'atMost',
        factor: 1,
        of: { contender: ours, case: theCase },
        against: { contender: peer, case: theCase },
        as: ours.endsWith('polling') ? `${peer}, with polling` : peer,
      })),
  )
}

const ALONE = 'depth 1'
const DEPTHS = [
  { name: ALONE, ops: 20_000, warmup: 5000 },
  { name: 'depth 16', ops: 50_000, warmup: 10_000 },
  { name: 'depth 64', ops: 50_000, warmup: 10_000 },
]

const load = async (command: NbdCommand) => (await import('./random-reads.ts')).randomReads(command)

export const nbd: Row = {
  name: 'nbd',
  title: 'Reads of 4 KiB from an NBD server',
  what:
    SERVERS +
    'qemu-img bench reads 4 KiB at a time, each 0.618 of the image further than the one before, with so many requests ' +
    'in flight on one connection. The time is that of its own report, after a shorter run to warm up. With one in flight ' +
    'ours is also measured with polling, which needs io_uring: it looks for what comes for up to 32.768 µs before it ' +
    'sleeps. The processor time is that of the server, in which the kernel counts steps of 10 ms.',
  op: 'read',
  plot: 'bars',
  fileMiB: IMAGE_MIB,
  cases: DEPTHS,
  cpu: true,
  contenders: [
    ...contenders(servers, load),
    ...contenders(pollingServers, load).map((contender) => ({ ...contender, cases: [ALONE] })),
  ],
  goals: [...goals(DEPTHS.map(({ name }) => name)), ...goals([ALONE], 'aiokit-nbd, polling')],
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
  contenders: contenders(servers, async (command) => (await import('./whole-image.ts')).wholeImage(command)),
  goals: goals([WHOLE]),
}
