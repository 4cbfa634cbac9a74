import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { EventNotifier, type NotifierWatch } from '@aiokit/notifier'
import * as sys from '@aiokit/sys'
import { realtime } from '@aiokit/timers'
import { describe, expect, test, vi } from 'vitest'
import { AioContext, type PollParams } from '../src/index.ts'
import { everywhere, monitors, newContext } from './monitors.ts'

/** Polls for a minute as soon as something was heard once: whatever comes is found by polling. */
const LONG: PollParams = { maxNs: 60e9, grow: 1e9 }

/** The counter of an eventfd, which every write and read of it changes. */
const counterOf = (fd: number): string =>
  /^eventfd-count:\s*(\S+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]!

/** A context that watches a notifier, which was heard by its descriptor, and is polled for since; and another who sets it. */
class Polled implements Disposable {
  readonly ctx: AioContext
  readonly notifier: EventNotifier = new EventNotifier()
  readonly peer: EventNotifier = EventNotifier.from(this.notifier.handle)
  readonly log: string[] = []
  readonly handlers: { read(): void } = {
    read: () => void this.log.push(this.notifier.testAndClear() ? 'event' : 'nothing'),
  }

  constructor(make: (typeof monitors)[number][1]) {
    this.ctx = new AioContext({ fdmon: make() })
    this.ctx.setPollParams(LONG)
    this.ctx.setEventNotifier(this.notifier, this.handlers)
    // First it joins, and after a wait that was not very short it is worth polling for as long as can be. Polling mode goes on
    // when something else has ended the wait.
    const timer = this.ctx.createTimer(realtime, () => {})
    do {
      this.peer.set()
      this.ctx.poll(true)
      timer.mod(realtime.now() + 1e6)
      while (timer.pending) this.ctx.poll(true)
    } while (this.isWritten)
    this.log.length = 0
  }

  /** Whether `set()` writes to the descriptor. What it sets is taken. */
  get isWritten(): boolean {
    const before = counterOf(this.notifier.fd)
    this.peer.set()
    const isWritten = counterOf(this.notifier.fd) !== before
    this.notifier.testAndClear()
    return isWritten
  }

  [Symbol.dispose](): void {
    this.ctx.close()
    this.peer.close()
    this.notifier.close()
  }
}

describe.each(monitors)('on %s', (_, make) => {
  test('N7, P6: while it is polled neither setting it nor taking it touches the descriptor', () => {
    using polled = new Polled(make)
    const { ctx, notifier, peer, log } = polled
    const before = counterOf(notifier.fd)
    const { pollHits } = ctx.stats()
    for (let i = 0; i < 100; i++) {
      peer.set()
      peer.set()
      expect(ctx.poll(true)).toBe(true)
      expect(counterOf(notifier.fd)).toBe(before)
    }
    expect(log).toEqual(Array(100).fill('event'))
    expect(ctx.stats().pollHits).toBe(pollHits + 100)
  })

  test('N7: what is set by number is found while it is polled', () => {
    using polled = new Polled(make)
    const { ctx, notifier, log } = polled
    EventNotifier.fromFd(notifier.fd).set()
    while (log.length === 0) ctx.poll(true)
    expect([log, ctx.poll(false)]).toEqual([['event'], false])
  })

  test('P6: before it sleeps the descriptor counts again', () => {
    using polled = new Polled(make)
    const { ctx, peer, log } = polled
    expect(polled.isWritten).toBe(false)
    ctx.setPollParams({ maxNs: 1 })
    expect(ctx.poll(true, 1e6)).toBe(false)
    expect(polled.isWritten).toBe(true)
    peer.set()
    expect([ctx.poll(true), log]).toEqual([true, ['event']])
  })

  test.each([
    ['is removed', ({ ctx, notifier }: Polled) => ctx.setEventNotifier(notifier, null)],
    ['is removed by number', ({ ctx, notifier }: Polled) => ctx.setFdHandler(notifier.fd, null)],
    [
      'has others in its place',
      ({ ctx, notifier, handlers }: Polled) => ctx.setEventNotifier(notifier, handlers),
    ],
    [
      'has others in its place by number',
      ({ ctx, notifier, handlers }: Polled) => ctx.setFdHandler(notifier.fd, handlers),
    ],
    [
      'has others in its place that poll for something else',
      ({ ctx, notifier, handlers }: Polled) =>
        ctx.setEventNotifier(notifier, { ...handlers, poll: () => false, pollReady() {} }),
    ],
    ['is polled no more', ({ ctx }: Polled) => ctx.setPollParams({ maxNs: 0 })],
    ['has a context that closes', ({ ctx }: Polled) => ctx.close()],
  ])('P6: one that %s in polling mode needs its descriptor again, and what was set is there', (_, change) => {
    using polled = new Polled(make)
    polled.peer.set()
    expect(polled.isWritten, 'while it is polled').toBe(false)
    polled.peer.set()
    change(polled)
    const pollfd = new Int32Array(32)
    pollfd[0] = polled.notifier.fd
    pollfd[1] = sys.POLLIN
    expect(sys.ppoll(pollfd, 1, 0)).toBe(1)
    expect(polled.isWritten).toBe(true)
  })

  test('P6: refused handlers change nothing', () => {
    using polled = new Polled(make)
    const { ctx, notifier } = polled
    for (const handlers of [{}, { read: 1 }, { read() {}, pollEnd() {} }, { read() {}, poll: () => true }])
      expect(() => ctx.setEventNotifier(notifier, handlers as never)).toThrow()
    expect(polled.isWritten).toBe(false)
  })

  test('N7, P6: two contexts watch it, and whoever sleeps does not miss it', () => {
    using polled = new Polled(make)
    const { notifier, peer } = polled
    using other = new AioContext({ fdmon: make() })
    let events = 0
    other.setEventNotifier(peer, { read: () => void (peer.testAndClear() && events++) })
    expect(polled.isWritten, 'one of them polls').toBe(true)
    peer.set()
    expect([other.poll(true), events]).toEqual([true, 1])
    expect(notifier.testAndClear()).toBe(false)
    other.setEventNotifier(peer, null)
    expect(polled.isWritten).toBe(false)
  })

  test('N7: one that is closed with its handlers is counted no more', () => {
    using polled = new Polled(make)
    polled.notifier.close()
    polled.peer.set()
    expect([polled.peer.testAndClear(), polled.peer.testAndClear()]).toEqual([true, false])
    const before = counterOf(polled.peer.fd)
    polled.peer.set()
    expect(counterOf(polled.peer.fd)).not.toBe(before)
  })

  test('N7, P9: another thread sets it again and again, and each is answered', async () => {
    using ctx = new AioContext({ fdmon: make() })
    ctx.setPollParams({ maxNs: 100_000 })
    using notifier = new EventNotifier()
    const words = new Int32Array(new SharedArrayBuffer(8))
    const COUNT = 5000
    let events = 0
    ctx.setEventNotifier(notifier, {
      read() {
        if (!notifier.testAndClear()) return
        events++
        Atomics.add(words, 0, 1)
        Atomics.notify(words, 0)
      },
    })
    const workerData = { handle: notifier.handle, words, count: COUNT }
    const worker = new Worker(new URL('./fixtures/ping.mjs', import.meta.url), { workerData })
    // After a wakeup that was lost everybody sleeps.
    while (events < COUNT) expect(ctx.poll(true, 10e9), `after ${events}`).toBe(true)
    expect(events).toBe(COUNT)
    await worker.terminate()
  })
})

test('N7: handlers that have a poll of their own, or a write, keep it', () => {
  const watches: NotifierWatch[] = []
  const [, make] = monitors[0]!
  using ctx = new AioContext({ fdmon: make() })
  ctx.setPollParams(LONG)
  using notifier = new EventNotifier()
  const watch = notifier.watch.bind(notifier)
  vi.spyOn(notifier, 'watch').mockImplementation(() => {
    const made = watch()!
    vi.spyOn(made, 'begin')
    watches.push(made)
    return made
  })
  const calls: string[] = []
  const handlers = {
    read: () => void calls.push(`read ${notifier.testAndClear()}`),
    poll: () => false,
    pollReady: () => void calls.push('pollReady'),
  }
  ctx.setEventNotifier(notifier, handlers)
  for (let i = 0; i < 3; i++) {
    notifier.set()
    ctx.poll(true, 1e6)
  }
  ctx.setEventNotifier(notifier, { read: handlers.read, write() {} })
  for (let i = 0; i < 3; i++) ctx.poll(true, 1e6)
  expect(calls).toEqual(Array(3).fill('read true'))
  for (const { begin } of watches) expect(begin).not.toHaveBeenCalled()
})

test('N7: the functions are called on the handlers, each read once, and `ref` counts as ever', () => {
  const [, make] = monitors[0]!
  using ctx = new AioContext({ fdmon: make() })
  ctx.setPollParams(LONG)
  using notifier = new EventNotifier()
  let reads = 0
  const targets = new Set<unknown>()
  const handlers = {
    ref: false,
    get read() {
      reads++
      return function (this: unknown) {
        targets.add(this)
        notifier.testAndClear()
      }
    },
  }
  ctx.setEventNotifier(notifier, handlers)
  for (let i = 0; i < 4; i++) {
    notifier.set()
    ctx.poll(true)
  }
  expect(ctx.stats().pollHits).toBeGreaterThan(0)
  expect([reads, [...targets]]).toEqual([1, [handlers]])
})

describe.each(everywhere)('events() on %s', (_, make) => {
  test('N7: the events of a notifier that is polled, one for each burst', async () => {
    using ctx = newContext(make)
    ctx.setPollParams(LONG)
    using notifier = new EventNotifier()
    using peer = EventNotifier.from(notifier.handle)
    const feed = ctx.events(notifier)
    for (let i = 0; i < 20; i++) {
      const next = feed.next()
      peer.set()
      peer.set()
      while (!(await Promise.race([next.then(() => true), turn()]))) ctx.poll(false)
    }
    await feed.return()
    expect(notifier.testAndClear()).toBe(false)
  })
})

const turn = (): Promise<false> => new Promise((resolve) => setImmediate(() => resolve(false)))
