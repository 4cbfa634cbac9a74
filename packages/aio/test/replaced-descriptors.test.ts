import { type FdMonitorFactory, FdTable } from '@aiokit/fdmon'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import * as sys from '@aiokit/sys'
import { hasIoUring, pipe, regularFile, socketPair } from '@aiokit/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const COUNT = 4
const ELSEWHERE = 500
const which = fc.nat(COUNT - 1)

/** What happens to a watched descriptor, of which the program tells the monitor nothing. */
type Step =
  | { do: 'replace'; which: number; by: 'pipe' | 'socket' | 'file' | 'duplicate' }
  | { do: 'close' | 'send' | 'set again'; which: number }
  | { do: 'look' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('replace' as const),
      which,
      by: fc.constantFrom('pipe' as const, 'socket' as const, 'file' as const, 'duplicate' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('close' as const, 'send' as const, 'set again' as const),
      which,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
)

const make = { pipe, socket: socketPair, file: (): [number, number] => [regularFile(), regularFile()] }

/** The same file under a number that is at least `least`. */
function move(fd: number, least: number): number {
  const moved = sys.check(sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, least), 'fcntl')
  sys.close(fd)
  return moved
}

/** Returns which of the descriptors are lost and reported when each had its turn to be looked at. */
function reported(factory: FdMonitorFactory, steps: readonly Step[]): number[] {
  const watched = Array.from({ length: COUNT }, (_, i) => make[i % 2 === 0 ? 'pipe' : 'socket']())
  const numbers = watched.map(([fd]) => fd)
  const peers = watched.map(([, peer]) => peer)
  const files = new Set<number>()
  const closed = new Set<number>()
  using fds = new FdTable(factory, (handler) => closed.add(numbers.indexOf(handler.fd)))
  const look = (times: number) => {
    for (let i = 0; i < times; i++) {
      fds.wait(0)
      fds.dispatch()
    }
  }
  const replace = (i: number, by: keyof typeof make | 'duplicate') => {
    const fd = numbers[i]!
    const isOpen = sys.fcntl(fd, sys.F_GETFD, 0) >= 0
    if (by === 'duplicate' && !isOpen) return
    // epoll watches no regular files, so that one is as good as another.
    if (by === 'file' && files.has(i)) return
    if (by === 'file') files.add(i)
    else if (by !== 'duplicate') files.delete(i)
    // Out of the way of numbers that are watched and closed.
    const [file, peer] =
      by === 'duplicate'
        ? [sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, ELSEWHERE)]
        : make[by]().map((each) => move(each, ELSEWHERE))
    if (isOpen) sys.close(fd)
    expect(move(file!, fd)).toBe(fd)
    if (peer === undefined) return
    sys.close(peers[i]!)
    peers[i] = peer
  }
  for (const fd of numbers) fds.set(fd, { read() {} })
  for (const one of steps) {
    if (one.do === 'look') look(1)
    else if (one.do === 'replace') replace(one.which, one.by)
    else if (one.do === 'send') sys.write(peers[one.which]!, new Uint8Array(1))
    else if (sys.fcntl(numbers[one.which]!, sys.F_GETFD, 0) < 0) continue
    else if (one.do === 'close') sys.close(numbers[one.which]!)
    else {
      // From here on it is watched for what it means now, whether the loss was noticed before or not.
      fds.set(numbers[one.which]!, { read() {} })
      closed.delete(one.which)
    }
  }
  look(128 * (COUNT + 1))
  for (const fd of [...numbers, ...peers]) sys.close(fd)
  return [...closed].sort()
}

test.skipIf(!hasIoUring())(
  'F8, F9: a number that was closed, or is another file by now, is noticed on epoll and on io_uring alike',
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        expect(reported(uringMonitor(), steps)).toEqual(reported(epollMonitor(), steps))
      }),
      { numRuns: 150 },
    )
  },
)
