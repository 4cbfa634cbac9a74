import type { Contender, Goal, Row } from '../../row.ts'
import type { Work } from './work.ts'

const ALONE = 'depth 1'
/** Where the goals are. */
const AT = 'depth 32'
const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' }

/** How many requests one sample makes: with one in flight, and with more. */
type Amount = readonly [one: number, more: number]

/** What takes each kind of contender some tenths of a second. */
interface Amounts {
  ring: Amount
  threads: Amount
  promises: Amount
  qemu: Amount
}

function contenders(work: Work, depths: readonly string[], amounts: Amounts): Contender[] {
  const verb = work === 'read' ? 'read' : 'write'
  const ops = ([one, more]: Amount) =>
    Object.fromEntries(depths.map((depth) => [depth, depth === ALONE ? one : more]))
  const aiokit = (aio: 'io_uring' | 'threads') => async () => ({
    measure: (await import('./aiokit.ts')).aiokit(work, aio),
  })
  const promises = (mode: 'attach' | 'run'): Contender => ({
    name: `aiokit, promises, ${mode}`,
    kind: 'aiokit',
    ops: ops(amounts.ring),
    load: async () => ({ measure: (await import('./aiokit-promises.ts')).aiokitPromises(work, mode) }),
  })
  const fsCallbacks = async () => ({ measure: (await import('./fs-callbacks.ts')).fsCallbacks(work) })
  const qemuImg = (aio: 'io_uring' | 'threads') => async () => ({
    measure: (await import('./qemu-img.ts')).qemuImg(work, aio),
  })
  const addSqe: Contender = {
    name: 'aiokit, addSqe',
    kind: 'aiokit',
    ops: ops(amounts.ring),
    load: () => import('./aiokit-add-sqe.ts'),
  }
  // With more in flight its threads are slower than io_uring.
  const qemuThreads: Contender = {
    name: 'qemu-img, threads',
    kind: 'peer',
    cases: [ALONE],
    load: qemuImg('threads'),
  }
  return [
    { name: 'aiokit', kind: 'aiokit', ops: ops(amounts.ring), load: aiokit('io_uring') },
    ...(work === 'read' ? [addSqe] : []),
    ...(work === 'read' ? [promises('run'), promises('attach')] : []),
    { name: 'aiokit, threads', kind: 'aiokit', ops: ops(amounts.threads), load: aiokit('threads') },
    { name: `fs.${verb}`, kind: 'peer', ops: ops(amounts.threads), load: fsCallbacks },
    {
      name: `fs.${verb}, 1 thread`,
      kind: 'peer',
      ops: ops(amounts.threads),
      env: ONE_THREAD,
      load: fsCallbacks,
    },
    {
      name: `FileHandle.${verb}, 1 thread`,
      kind: 'peer',
      ops: ops(amounts.promises),
      env: ONE_THREAD,
      load: async () => ({ measure: (await import('./file-handle.ts')).fileHandle(work) }),
    },
    {
      name: `fs.${verb}Sync`,
      kind: 'peer',
      cases: [ALONE],
      load: async () => ({ measure: (await import('./fs-sync.ts')).fsSync(work) }),
    },
    { name: 'qemu-img', kind: 'peer', ops: ops(amounts.qemu), load: qemuImg('io_uring') },
    ...(work === 'read' ? [] : [qemuThreads]),
    { name: 'C', kind: 'floor', ops: ops(amounts.ring), floor: 'file-io', floorArgs: [work] },
  ]
}

function goals(verb: 'read' | 'write'): Goal[] {
  const of = { contender: 'aiokit', case: AT }
  const faster = (contender: string, factor: number): Goal => ({
    kind: 'faster',
    factor,
    of,
    against: { contender, case: AT },
    as: contender,
  })
  return [
    faster(`fs.${verb}`, 2.5),
    faster(`fs.${verb}, 1 thread`, 2.5),
    faster(`FileHandle.${verb}, 1 thread`, 6),
    faster('qemu-img', 1.5),
    { kind: 'atMost', factor: 1.3, of, against: { contender: 'C', case: AT }, as: 'the C floor' },
    ...(verb === 'read' ? ['run', 'attach'] : []).map(
      (mode): Goal => ({
        kind: 'faster',
        factor: 2.5,
        of: { contender: `aiokit, promises, ${mode}`, case: AT },
        against: { contender: 'FileHandle.read, 1 thread', case: AT },
        as: `FileHandle.read, by promises and ${mode}`,
      }),
    ),
  ]
}

const HOW =
  'of a file of 256 MiB that is in the page cache, so many in flight, each with a buffer of its own; what completes is ' +
  'followed by the next, from its callback. aiokit is ctx.io on io_uring, with threads the same on epoll; with promises ' +
  'it awaits each as the others await a FileHandle, while run() or attach() runs the context. fs has the 4 ' +
  'threads of libuv that it has by itself, and once 1 (UV_THREADPOOL_SIZE), which is its best here; then it keeps two ' +
  'processors busy, as aiokit, qemu-img and C do not when they read. The blocks are picked at random, the same for all but ' +
  'qemu-img bench, whose offsets advance by 0.618 of the file; it uses io_uring. The C program fills a ring of ' +
  'io_uring(7) itself and submits with the call that waits, as aiokit does. The clock is that on the wall, because some ' +
  'have threads.'

const PUNTED =
  'Where the file system cannot write to the page cache without the chance of having to wait, as ext4 cannot, io_uring ' +
  'hands each write to a thread of the kernel, whoever asks.'

const DEPTHS = [ALONE, 'depth 8', AT, 'depth 128']
/** qemu-img wants no more in flight than there are between two flushes. */
const FSYNC_DEPTHS = DEPTHS.slice(0, 3)

export const fileRead: Row = {
  name: 'file-read',
  title: 'Random reads of 4 KiB from the page cache',
  what: `Reads of 4 KiB ${HOW}`,
  op: 'read',
  plot: 'bars',
  fileMiB: 256,
  cases: DEPTHS.map((name) => ({ name, ops: 200_000 })),
  contenders: contenders('read', DEPTHS, {
    ring: [200_000, 400_000],
    threads: [20_000, 100_000],
    promises: [20_000, 60_000],
    qemu: [100_000, 150_000],
  }),
  goals: goals('read'),
}

export const fileWrite: Row = {
  name: 'file-write',
  title: 'Random writes of 4 KiB to the page cache',
  what: `Writes of 4 KiB ${HOW} ${PUNTED}`,
  op: 'write',
  plot: 'bars',
  fileMiB: 256,
  cases: DEPTHS.map((name) => ({ name, ops: name === ALONE ? 10_000 : 50_000 })),
  contenders: contenders('write', DEPTHS, {
    ring: [10_000, 80_000],
    threads: [20_000, 50_000],
    promises: [20_000, 50_000],
    qemu: [10_000, 50_000],
  }),
  goals: goals('write'),
}

const FSYNCED = 6400

export const fileWriteFsync: Row = {
  name: 'file-write-fsync',
  title: 'Random writes of 4 KiB, fsync every 64',
  what:
    `Writes of 4 KiB ${HOW} When 64 have ended there is an fdatasync(2), by itself, and then the next 64: what qemu-img ` +
    `bench does with --flush-interval=64. Timed is everything, so that the disk has the largest part of it. ${PUNTED}`,
  op: 'write',
  plot: 'bars',
  fileMiB: 256,
  cases: FSYNC_DEPTHS.map((name) => ({ name, ops: FSYNCED, warmup: FSYNCED / 10 })),
  contenders: contenders('write+fsync', FSYNC_DEPTHS, {
    ring: [FSYNCED, FSYNCED],
    threads: [FSYNCED, FSYNCED],
    promises: [FSYNCED, FSYNCED],
    qemu: [FSYNCED, FSYNCED],
  }),
  goals: goals('write'),
}
