import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { check, write } from '@aiokit/sys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventNotifier, type NotifierWatch } from '../src/index.ts'
import { watchUntilDone } from './fixtures/watcher.mjs'
import { counterOf, isReadable } from './readable.ts'

const OPERATIONS = ['set', 'take', 'setByNumber', 'takeByNumber', 'start', 'begin', 'end', 'stop', 'poll']

/** So many looks of one who polls find what is in the descriptor alone. */
const LOOKS = 64

test('N7: whoever sets it and takes it, by words or by number, polling or not: nothing is lost or seen twice', () => {
  const step = fc.tuple(fc.constantFrom(...OPERATIONS), fc.nat({ max: 1 }))
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (active, steps) => {
      using owner = new EventNotifier({ active })
      using peer = EventNotifier.from(owner.handle)
      const notifiers = [owner, peer]
      const number = EventNotifier.fromFd(owner.fd)
      const watches = notifiers.map((notifier) => notifier.watch()!)
      const states = ['away', 'away']
      const isNeeded = () => states.includes('sleeps') || !states.includes('polls')
      // Set and not taken, and the same by number alone.
      let isSet = false
      let isWritten = active
      // Who has only the number has taken what tells of it.
      let isStolen = false
      // A doorbell was written since the descriptor was last read.
      let isRung = false
      for (const [operation, i] of steps) {
        const notifier = notifiers[i]!
        const before = counterOf(owner.fd)
        const neededNobody = !isNeeded()
        switch (operation) {
          case 'set':
            notifier.set()
            isSet = true
            isStolen = false
            if (neededNobody) expect(counterOf(owner.fd), 'written to for nobody').toBe(before)
            break
          case 'take':
            expect(notifier.testAndClear()).toBe(isSet || isWritten)
            if (isSet && !isRung) {
              expect(counterOf(owner.fd), 'read for nobody').toBe(before)
            } else {
              expect(isReadable(owner.fd)).toBe(false)
              isWritten = false
              isRung = false
            }
            isSet = false
            break
          case 'setByNumber':
            number.set()
            isWritten = true
            break
          case 'takeByNumber':
            if (isWritten) expect(isReadable(owner.fd)).toBe(true)
            expect(number.testAndClear()).toBe(before !== counterOf(owner.fd))
            isWritten = false
            isStolen = isSet
            break
          case 'poll': {
            let found = watches[i]!.poll()
            if (isSet) expect(found).toBe(states[i] !== 'away')
            else if (!isWritten || states[i] !== 'polls') expect(found).toBe(false)
            for (let looks = 0; looks < LOOKS; looks++) found ||= watches[i]!.poll()
            if (states[i] !== 'polls') break
            expect(found).toBe(isSet || isWritten)
            if (!isSet) isWritten = false
            isSet = found
            break
          }
          default: {
            const changed = change(watches[i]!, states, i, operation)
            if (changed && (operation === 'start' || operation === 'end')) isStolen = false
          }
        }
        if (counterOf(owner.fd) >> 32n > before >> 32n) isRung = true
        if (((isSet && !isStolen) || isWritten) && isNeeded()) expect(isReadable(owner.fd)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

/** In any order; what makes no sense changes nothing. */
function change(watch: NotifierWatch, states: string[], i: number, operation: string): boolean {
  watch[operation as 'start' | 'begin' | 'end' | 'stop']()
  const before = states[i]
  if (operation === 'start' && before === 'away') states[i] = 'sleeps'
  if (operation === 'stop') states[i] = 'away'
  if (operation === 'begin' && before === 'sleeps') states[i] = 'polls'
  if (operation === 'end' && before === 'polls') states[i] = 'sleeps'
  return states[i] !== before
}

test('N7: what is known only by its number has nothing to look at from userspace', () => {
  using owner = new EventNotifier()
  const number = EventNotifier.fromFd(owner.fd)
  expect(number.watch()).toBe(null)
  using other = EventNotifier.from(number.handle)
  expect(other.watch()).toBe(null)
  other.set()
  expect(owner.testAndClear()).toBe(true)
})

test('N7: one that is closed while it is polled counts no more', () => {
  using owner = new EventNotifier()
  const peer = EventNotifier.from(owner.handle)
  const watch = peer.watch()!
  watch.start()
  watch.begin()
  owner.set()
  expect(isReadable(owner.fd)).toBe(false)
  peer.close()
  expect(isReadable(owner.fd)).toBe(true)
  expect(owner.testAndClear()).toBe(true)
  watch.end()
  watch.stop()
  owner.set()
  expect([isReadable(owner.fd), watch.poll()]).toEqual([true, false])
  expect(() => peer.watch()).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
})

test('F8: one whose descriptor was closed by other code tells nobody of what is set', () => {
  using owner = new EventNotifier()
  const watch = owner.watch()!
  watch.start()
  watch.begin()
  owner.set()
  watch.stop(false)
  expect(isReadable(owner.fd)).toBe(false)
  expect(owner.testAndClear()).toBe(true)
  owner.set()
  expect(isReadable(owner.fd)).toBe(true)
})

test('N7: a counter that is full stops nobody who shares it', () => {
  using owner = new EventNotifier()
  using peer = EventNotifier.from(owner.handle)
  check(write(owner.fd, new BigUint64Array([0xffff_ffff_ffff_fffen])), 'write')
  peer.set()
  expect([owner.testAndClear(), owner.testAndClear()]).toEqual([true, false])
  expect(isReadable(owner.fd)).toBe(false)
})

test('N7: a thread that is terminated while it polls keeps nobody from being told who comes later', async () => {
  using owner = new EventNotifier()
  const polling = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { handle: owner.handle, polling }
  const worker = new Worker(new URL('./fixtures/poll.mjs', import.meta.url), { workerData })
  Atomics.wait(polling, 0, 0)
  await worker.terminate()
  owner.set()
  const watch = owner.watch()!
  watch.start()
  expect(isReadable(owner.fd), 'set before').toBe(true)
  expect(owner.testAndClear()).toBe(true)
  owner.set()
  expect(isReadable(owner.fd), 'set later').toBe(true)
  expect(owner.testAndClear()).toBe(true)
  watch.begin()
  owner.set()
  expect(watch.poll()).toBe(true)
  watch.end()
  expect(isReadable(owner.fd)).toBe(true)
})

test.each([
  { watchers: 1, setters: 2, byNumber: 0 },
  { watchers: 1, setters: 2, byNumber: 1 },
  { watchers: 2, setters: 2, byNumber: 0 },
])(
  'N7, P6: $watchers watchers that poll and sleep miss nothing of $setters threads, $byNumber of them by number',
  async ({ watchers, setters, byNumber }) => {
    const COUNT = 20_000
    using notifier = new EventNotifier()
    const { handle } = notifier
    const words = (length: number) => new Int32Array(new SharedArrayBuffer(4 * length))
    const shared = { published: words(setters), seen: words(setters), done: words(1), count: COUNT }
    const start = (program: string, data: object) =>
      new Worker(new URL(`./fixtures/${program}.mjs`, import.meta.url), {
        workerData: { handle, ...shared, ...data },
      })
    const others = Array.from({ length: watchers - 1 }, () => start('watch', {}))
    const theirs = Promise.all(others.map(async (worker) => (await once(worker, 'message'))[0]))
    const workers = Array.from({ length: setters }, (_, index) =>
      start('publish', { index, byNumber: index < byNumber }),
    )
    const results = [watchUntilDone(notifier, shared), ...(await theirs)]
    const total = (what: 'sleeps' | 'hits' | 'taken') =>
      results.reduce((sum, result) => sum + result[what], 0)
    expect(total('sleeps')).toBeGreaterThan(0)
    expect(total('hits')).toBeGreaterThan(0)
    // Each set is seen once at most; those that end the watching included.
    expect(total('taken')).toBeLessThanOrEqual(setters * COUNT + watchers)
    for (const worker of workers) await worker.terminate()
  },
)

test('X3: what is no handle of a notifier is refused', () => {
  const { fd, identity } = new EventNotifier().handle
  for (const handle of [
    null,
    5,
    {},
    { fd, identity },
    { fd, identity, words: new Int32Array(3) },
    { fd, identity, words: new Int32Array(new SharedArrayBuffer(16)) },
    { fd, identity, words: new Uint32Array(new SharedArrayBuffer(12)) },
    { fd: '1', identity, words: new Int32Array(new SharedArrayBuffer(12)) },
  ]) {
    expect(() => EventNotifier.from(handle as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
})
