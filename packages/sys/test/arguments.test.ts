import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import * as sys from '../src/index.ts'

// A descriptor that does exist, so that a bad buffer is not excused by a bad descriptor.
const pair = new Int32Array(32)
sys.check(
  sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0, pair),
  'socketpair',
)
const [fd = -1, other = -1] = pair
afterAll(() => {
  sys.close(fd)
  sys.close(other)
})

// close() and shutdown() are left out: among all the numbers tried there is a descriptor that the test runner needs.
// ppoll() too: with no descriptors and a negative timeout it waits for ever, as it should.
const left = ['check', 'encodeAddress', 'decodeAddress', 'inotifyEvents', 'close', 'shutdown', 'ppoll']
const calls = Object.entries<unknown>({ ...sys }).flatMap(([name, value]) =>
  typeof value === 'function' && /^[a-z]/.test(name) && !left.includes(name)
    ? [[name, value as (...args: unknown[]) => unknown] as const]
    : [],
)

test('X3: no argument of any type or size makes a call throw or crash', () => {
  const anything = fc.oneof(
    fc.constant(undefined),
    fc.anything({ withTypedArray: true, withBigInt: true }),
    fc.double(),
    fc.integer(),
    // Descriptors beyond those that this process has.
    fc.integer({ min: 100_000, max: 2 ** 31 - 1 }),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 100 }),
    fc.constant(new DataView(new ArrayBuffer(10), 3)),
    fc.constant(Symbol('s')),
  )
  // A first argument that is no descriptor of this process, the rest whatever it likes.
  const notMine = anything.filter((value) => !(typeof value === 'number' && value >= 0 && value < 100_000))
  fc.assert(
    fc.property(
      fc.constantFrom(...calls),
      notMine,
      fc.array(anything, { maxLength: 6 }),
      ([, call], first, rest) => {
        const result = call(first, ...rest)
        if (typeof result === 'number' && result >= 3 && result < 1000) sys.close(result)
        return typeof result === 'number'
      },
    ),
    { numRuns: 5000 },
  )
})

test('X3: a slice outside its view is refused before the kernel sees it', () => {
  const view = new Uint8Array(16)
  const outside: [number, number][] = [
    [17, 0],
    [0, 17],
    [8, 9],
    [-1, 1],
    [0, -1],
    [0, 2 ** 32],
    [2 ** 53, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ]
  for (const [offset, length] of outside) {
    expect(sys.read(fd, view, offset, length), `${offset} ${length}`).toBe(-sys.EINVAL)
    expect(sys.recv(fd, view, offset, length, 0), `${offset} ${length}`).toBe(-sys.EINVAL)
    expect(sys.pread(fd, view, offset, length, 0), `${offset} ${length}`).toBe(-sys.EINVAL)
  }
  expect(sys.read(fd, view, 16, 0)).toBe(0)
})

test('X3: an array too small for what the kernel would write is refused', () => {
  expect(sys.pipe2(new Int32Array(1), 0)).toBe(-sys.EINVAL)
  expect(sys.ppoll(new Uint8Array(8 * 4 - 1), 4, 0)).toBe(-sys.EINVAL)
  expect(sys.ppoll(new Uint8Array(8), -1, 0)).toBe(-sys.EINVAL)
  const epfd = sys.check(sys.epollCreate1(sys.EPOLL_CLOEXEC), 'epoll_create1')
  const events = new Uint8Array(2 * sys.EPOLL_EVENT_SIZE - 1)
  expect(sys.epollPwait2(epfd, events, 2, 0)).toBe(-sys.EINVAL)
  expect(sys.epollWait(epfd, events, 2, 0)).toBe(-sys.EINVAL)
  expect(sys.epollWait(epfd, events, 1, 0)).toBe(0)
  sys.close(epfd)
})

test('X3: an array of anything but views is refused, whatever it does when it is looked at', () => {
  const view = new Uint8Array(16)
  const thrower = Object.defineProperty([view, view], 1, {
    get() {
      throw new Error('looked at')
    },
  })
  const detacher = Object.defineProperty([view, view], 1, {
    get() {
      structuredClone(view, { transfer: [view.buffer] })
      return new Uint8Array(0)
    },
  })
  const wrong: unknown[] = [view, [view, 1], [view, new ArrayBuffer(8)], { length: 1, 0: view }, thrower]
  wrong.push(new Array(1025).fill(view), new Array(3), null)
  for (const views of wrong as Uint8Array[][]) {
    expect(sys.preadv2(fd, views, -1, 0)).toBe(-sys.EINVAL)
    expect(sys.pwritev2(fd, views, -1, 0)).toBe(-sys.EINVAL)
    expect(sys.recvmsg(fd, views, 0)).toBe(-sys.EINVAL)
    expect(sys.sendmsg(fd, views, 0)).toBe(-sys.EINVAL)
  }
  expect(sys.preadv2(fd, detacher, -1, 0)).toBe(0)
  expect(sys.preadv2(fd, [view], 0.5, 0)).toBe(-sys.EINVAL)
})

test('X3: a detached buffer is an empty one', () => {
  const view = new Uint8Array(64)
  structuredClone(view, { transfer: [view.buffer] })
  expect(sys.read(fd, view, 0, 1)).toBe(-sys.EINVAL)
  const fds = new Int32Array(32)
  structuredClone(fds, { transfer: [fds.buffer] })
  expect(sys.pipe2(fds, 0)).toBe(-sys.EINVAL)
})

test('X3: numbers that only look like a descriptor after truncation are refused', () => {
  expect(sys.fcntl(fd + 2 ** 32, sys.F_GETFD, 0)).toBe(-sys.EINVAL)
  expect(sys.fcntl(fd + 0.5, sys.F_GETFD, 0)).toBe(-sys.EINVAL)
  expect(sys.fcntl(fd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
})

test('X3: fcntl commands that take an address are refused', () => {
  const F_GETLK = 5
  const F_SETOWN_EX = 15
  expect(sys.fcntl(fd, F_GETLK, 0x1000)).toBe(-sys.EINVAL)
  expect(sys.fcntl(fd, F_SETOWN_EX, 0x1000)).toBe(-sys.EINVAL)
})
