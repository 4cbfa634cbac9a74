import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { closeSync, openSync } from 'node:fs'
import { hasIoUring } from '@aiokit/testing'
import { afterEach, describe, expect, test } from 'vitest'
import {
  AioContext,
  Coroutine,
  coSleep,
  coWake,
  coYield,
  deferCall,
  defineTask,
  EventNotifier,
  IN,
  IOThread,
  ReentrancyGuard,
  realtime,
} from '../src/index.ts'

type Seen = [name: string, message: Record<string, unknown>]

const tasks = new URL('./fixtures/trace-tasks.mjs', import.meta.url)
let stop = (): void => {}
afterEach(() => stop())

/** What is published on these channels from now on. */
function listen(...names: string[]): Seen[] {
  const seen: Seen[] = []
  const note = (message: unknown, name: string | symbol): void => {
    seen.push([String(name).slice('aiokit:'.length), message as Record<string, unknown>])
  }
  for (const name of names) subscribe(`aiokit:${name}`, note)
  stop = () => {
    for (const name of names) unsubscribe(`aiokit:${name}`, note)
  }
  return seen
}

function both(name: string): string[] {
  return [`${name}_begin`, `${name}_end`]
}

const SPANS = [...both('aio_poll'), ...both('aio_wait'), ...both('aio_callback')]

/** The spans as a program would be indented; each end has to have the message of its beginning. */
function nested(seen: readonly Seen[], label: (message: Record<string, unknown>) => string): string[] {
  const open: unknown[] = []
  const lines: string[] = []
  for (const [name, message] of seen) {
    if (name.endsWith('_begin')) {
      lines.push(`${'  '.repeat(open.length)}${name.slice(0, -'_begin'.length)} ${label(message)}`)
      open.push(message)
    } else {
      expect(open.pop()).toBe(message)
    }
  }
  expect(open).toEqual([])
  return lines
}

function labelOf(message: Record<string, unknown>): string {
  return String(message['kind'] ?? (message['ctx'] as { name: string }).name)
}

const monitors = (['epoll', 'io_uring', 'poll'] as const).filter(
  (name) => name !== 'io_uring' || hasIoUring(),
)

describe.each(monitors)('O1, on %s:', (fdmon) => {
  test('polls, waits and callbacks of all kinds, one inside the other, also if they throw', () => {
    using ctx = new AioContext({ name: 'one', fdmon })
    using notifier = closing(new EventNotifier())
    ctx.setEventNotifier(notifier, {
      read() {
        notifier.testAndClear()
        ctx.scheduleOneshot(() => {
          throw new Error('mine')
        })
        expect(() => ctx.poll(false)).toThrow('mine')
      },
    })
    const timer = ctx.createTimer(realtime, () => notifier.set())
    const seen = listen(...SPANS)
    timer.mod(0)
    ctx.poll(true)
    ctx.poll(true)
    ctx.setEventNotifier(notifier, null)
    expect(nested(seen, labelOf)).toEqual([
      'aio_poll one',
      '  aio_callback timer',
      'aio_poll one',
      '  aio_wait one',
      '  aio_callback descriptor',
      '    aio_poll one',
      '      aio_callback bottom half',
    ])
    const handler = seen.find(([, message]) => message['kind'] === 'descriptor')![1]
    expect(handler['source']).toMatchObject({ fd: notifier.fd })
  })

  test.each(['attach', 'run'] as const)(
    'the same where Node calls (%s), with what it does after each',
    async (host) => {
      await using ctx = new AioContext({ name: 'one', fdmon })
      void ctx[host]()
      const seen = listen(...SPANS, 'reentrant_aio')
      const guard = new ReentrancyGuard()
      await new Promise<void>((resolve) => {
        ctx.scheduleOneshot(() => {
          // Runs before the span ends.
          queueMicrotask(() => {
            guard.engaged = true
            guard.run(() => {}, 'microtask')
            setImmediate(resolve)
          })
        })
      })
      stop()
      const at = seen.findIndex(([name]) => name === 'reentrant_aio')
      expect(seen[at - 1]![0]).toBe('aio_callback_begin')
      expect(seen[at + 1]![0]).toBe('aio_callback_end')
      nested(
        seen.filter(([name]) => name !== 'reentrant_aio'),
        labelOf,
      )
    },
  )

  test.each(['attach', 'run'] as const)(
    'a callback that stops the loop has an end as well (%s)',
    async (host) => {
      const ctx = new AioContext({ name: 'one', fdmon })
      void ctx[host]()
      const seen = listen(...SPANS)
      const leave = (): void => (host === 'run' ? ctx.stop() : ctx.detach())
      // Two: what is behind it waits.
      await new Promise<void>((resolve) => {
        for (let i = 0; i < 2; i++) ctx.scheduleOneshot(() => void setImmediate(resolve, leave()))
      })
      ctx.poll(false)
      ctx.close()
      expect(nested(seen, labelOf)).toContain('  aio_callback bottom half')
    },
  )

  test('handlers that are set and removed', () => {
    using ctx = new AioContext({ name: 'one', fdmon })
    using notifier = closing(new EventNotifier())
    const seen = listen('aio_set_fd_handler')
    ctx.setEventNotifier(notifier, { read() {} })
    ctx.setEventNotifier(notifier, null)
    ctx.setEventNotifier(notifier, null)
    const { fd } = notifier
    expect(seen.map(([, message]) => message)).toEqual([
      { ctx, fd, events: IN },
      { ctx, fd, events: 0 },
    ])
  })
})

test('O1: deferred calls', () => {
  using ctx = new AioContext({ name: 'one' })
  let read = false
  const fd = openSync(import.meta.filename, 'r')
  ctx.io.readAio(fd, ctx.io.allocate(8), 0, () => {
    deferCall(() => {
      read = true
    })
  })
  const seen = listen(...both('aio_callback'))
  ctx.waitWhile(() => !read)
  closeSync(fd)
  expect(nested(seen, labelOf).map((line) => line.trim())).toContain('aio_callback deferred call')
})

test.runIf(hasIoUring())(
  'O1: requests on the ring, once when they are made and once when they are answered',
  () => {
    using ctx = new AioContext({ name: 'one', fdmon: 'io_uring' })
    const seen = listen('fdmon_io_uring_add_sqe', 'fdmon_io_uring_cqe_handler')
    const fd = openSync(import.meta.filename, 'r')
    let left = 2
    const done = (): void => void left--
    const nop = ctx.addSqe((sqe) => sqe.prepNop(), done)
    expect(() =>
      ctx.addSqe(() => {
        throw new Error('not made')
      }, done),
    ).toThrow('not made')
    const read = ctx.addSqe((sqe) => sqe.prepRead(fd, new Uint8Array(8), 2 ** 40 + 7), done)
    ctx.waitWhile(() => left > 0)
    closeSync(fd)
    expect(seen).toEqual([
      ['fdmon_io_uring_add_sqe', { ctx, request: nop, opcode: 0, fd: -1, offset: 0 }],
      ['fdmon_io_uring_add_sqe', { ctx, request: read, opcode: 22, fd, offset: 2 ** 40 + 7 }],
      ['fdmon_io_uring_cqe_handler', { ctx, request: nop, res: 0, flags: 0 }],
      [
        'fdmon_io_uring_cqe_handler',
        { ctx, request: read, res: expect.any(Number), flags: expect.any(Number) },
      ],
    ])
  },
)

test('O1: requests to a pool, those that are cancelled too', () => {
  using ctx = new AioContext({ name: 'one', threadPool: { max: 1 } })
  const seen = listen('thread_pool_submit', 'thread_pool_cancel', 'thread_pool_complete')
  let left = 2
  const task = defineTask<number, number>(tasks, 'fail')
  const first = ctx.threadPool.submitAio(task, 1, () => void left--)
  const second = ctx.threadPool.submitAio(task, 1, () => void left--)
  second.cancelAsync()
  second.cancelAsync()
  ctx.waitWhile(() => left > 0)
  // No thread is started before the context polls.
  const other = new AioContext({ name: 'other' })
  const third = other.threadPool.submitAio(task, 1, () => {})
  other.close()
  const of = (name: string, request: unknown): Seen => [
    `thread_pool_${name}`,
    expect.objectContaining({ ctx: request === third ? other : ctx, request }),
  ]
  expect(seen.filter(([, { request }]) => request === first)).toEqual([
    of('submit', first),
    of('complete', first),
  ])
  for (const request of [second, third]) {
    expect(seen.filter((one) => one[1]['request'] === request)).toEqual([
      of('submit', request),
      of('cancel', request),
      of('complete', request),
    ])
  }
  expect(seen[0]![1]['task']).toMatchObject({ module: tasks.href, exportName: 'fail' })
})

test('O1: coroutines that are scheduled, and that run', () => {
  using ctx = new AioContext({ name: 'one' })
  const seen = listen('aio_co_schedule', 'aio_co_schedule_bh_cb', ...both('coroutine_run'))
  const co = new Coroutine(
    function* () {
      yield* coSleep(ctx, 1)
      yield* coYield()
    },
    { name: 'mine' },
  )
  co.enter(ctx)
  ctx.waitWhile(() => seen.length < 4)
  // Not from a callback of its context: then it goes on at once.
  coWake(co)
  ctx.waitWhile(() => !co.done)
  expect(seen.map(([name]) => name)).toEqual([
    ...both('coroutine_run'),
    ...both('coroutine_run'),
    'aio_co_schedule',
    'aio_co_schedule_bh_cb',
    ...both('coroutine_run'),
  ])
  expect(seen.every(([, message]) => message['co'] === co)).toBe(true)
})

test('O1: I/O threads that start and stop', async () => {
  const seen = listen('iothread_start', 'iothread_stop')
  const thread = new IOThread({ name: 'disk' })
  await thread.stop()
  const message = { name: 'disk', threadId: expect.any(Number) }
  expect(seen).toEqual([
    ['iothread_start', message],
    ['iothread_stop', message],
  ])
})

test('O1: what a listener throws is an uncaught exception, and the loop goes on', async () => {
  using ctx = new AioContext({ name: 'one' })
  const listeners = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = new Promise((resolve) => process.once('uncaughtException', resolve))
  const throwing = (): void => {
    throw new Error('of a listener')
  }
  subscribe('aiokit:aio_callback_begin', throwing)
  let ran = 0
  ctx.scheduleOneshot(() => ran++)
  expect(ctx.poll(false)).toBe(true)
  unsubscribe('aiokit:aio_callback_begin', throwing)
  expect(ran).toBe(1)
  expect(await caught).toMatchObject({ message: 'of a listener' })
  for (const listener of listeners) process.on('uncaughtException', listener as () => void)
})

function closing(notifier: EventNotifier): EventNotifier & Disposable {
  return Object.assign(notifier, { [Symbol.dispose]: () => notifier.close() })
}
