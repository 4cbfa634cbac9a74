import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import * as trace from '../src/index.ts'

test('O1: the names are those that programs subscribe to', () => {
  const names = Object.values(trace)
    .filter((value) => typeof value === 'object')
    .flatMap((value) => (value instanceof trace.TraceSpan ? value.names : value.name))
  expect(names.sort()).toEqual(
    [
      'aio_callback_begin',
      'aio_callback_end',
      'aio_co_schedule',
      'aio_co_schedule_bh_cb',
      'aio_poll_begin',
      'aio_poll_end',
      'aio_set_fd_handler',
      'aio_wait_begin',
      'aio_wait_end',
      'coroutine_run_begin',
      'coroutine_run_end',
      'fdmon_io_uring_add_sqe',
      'fdmon_io_uring_cqe_handler',
      'iothread_start',
      'iothread_stop',
      'poll_add',
      'poll_grow',
      'poll_remove',
      'poll_shrink',
      'reentrant_aio',
      'run_poll_handlers_begin',
      'run_poll_handlers_end',
      'thread_name',
      'thread_pool_cancel',
      'thread_pool_complete',
      'thread_pool_run_begin',
      'thread_pool_run_end',
      'thread_pool_submit',
    ].map((name) => `aiokit:${name}`),
  )
})

test('O1: a span is heard by who listens to one of its ends, and both ends have one message', () => {
  const { runPollHandlers } = trace
  const seen: unknown[] = []
  const note = (message: unknown): void => void seen.push(message)
  const message = { ctx: { name: 'mine' }, maxNs: 1000, timeoutNs: -1, progress: false }
  expect(runPollHandlers.hasSubscribers).toBe(false)
  runPollHandlers.end(runPollHandlers.begin(message))
  for (const names of [[0], [1], [0, 1]]) {
    const heard = runPollHandlers.names.filter((_, i) => names.includes(i))
    for (const name of heard) subscribe(name, note)
    expect(runPollHandlers.hasSubscribers).toBe(true)
    runPollHandlers.end(runPollHandlers.begin(message))
    for (const name of heard) unsubscribe(name, note)
    expect(seen.splice(0)).toEqual(heard.map(() => message))
    expect(runPollHandlers.hasSubscribers).toBe(false)
  }
})
