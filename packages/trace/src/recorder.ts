import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type * as messages from './channels.ts'
import { event, instant, metadata, type Value } from './event-text.ts'
import { InFlight } from './in-flight.ts'
import { opcodeName } from './opcodes.ts'
import { OpenSpans } from './open-spans.ts'
import type { ThreadLog } from './thread-log.ts'

/** IORING_CQE_F_MORE: another completion of the request will come. */
const CQE_F_MORE = 2
/** A thread that goes to sleep writes what it has, if the last time was this long ago, in ms: the process may be killed. */
const FLUSH_INTERVAL_MS = 50

// biome-ignore lint/suspicious/noExplicitAny: each channel has messages of its own
type Listener = (message: any) => void

/** Turns what is published in this thread into events of its log. */
export class Recorder {
  readonly #log: ThreadLog
  readonly #spans: OpenSpans
  readonly #ring: InFlight
  readonly #pool: InFlight
  readonly #listeners: readonly (readonly [name: string, listener: Listener])[]
  #flushed = Date.now()

  constructor(log: ThreadLog) {
    this.#log = log
    this.#spans = new OpenSpans(log)
    this.#ring = new InFlight(log, 'ring')
    this.#pool = new InFlight(log, 'thread pool')
    this.#listeners = [
      ...this.#loop(),
      ...this.#polling(),
      ...this.#requests(),
      ...this.#coroutines(),
      ...this.#threads(),
    ].map(([name, listener]) => [`aiokit:${name}`, listener] as const)
    for (const [name, listener] of this.#listeners) subscribe(name, listener)
  }

  stop(): void {
    for (const [name, listener] of this.#listeners) unsubscribe(name, listener)
  }

  #instant(category: string, name: string, args: readonly Value[]): void {
    this.#log.append(instant(category, name, args), this.#log.depth)
  }

  #loop(): [string, Listener][] {
    const spans = this.#spans
    return [
      ['aio_poll_begin', (m: messages.AioPoll) => spans.begin(m, 'poll', `poll ${m.ctx.name}`, timeoutOf(m))],
      ['aio_poll_end', (m: messages.AioPoll) => spans.end(m, [])],
      ['aio_wait_begin', (m: messages.AioWait) => this.#beginWait(m)],
      ['aio_wait_end', (m: messages.AioWait) => spans.end(m, [])],
      ['aio_callback_begin', (m: messages.AioCallback) => this.#beginCallback(m)],
      ['aio_callback_end', (m: messages.AioCallback) => spans.end(m, [])],
      [
        'aio_set_fd_handler',
        ({ ctx, fd, events }: messages.AioSetFdHandler) =>
          this.#instant('descriptor', events === 0 ? 'remove handler' : 'set handler', [
            'ctx',
            ctx?.name,
            'fd',
            fd,
            'events',
            events,
          ]),
      ],
      [
        'reentrant_aio',
        ({ name }: messages.ReentrantAio) => this.#instant('callback', 'reentrant_aio', ['name', name]),
      ],
    ]
  }

  #beginWait(message: messages.AioWait): void {
    this.#spans.begin(message, 'wait', 'wait', timeoutOf(message))
    const now = Date.now()
    if (now - this.#flushed < FLUSH_INTERVAL_MS) return
    this.#flushed = now
    this.#log.flush()
  }

  #beginCallback(message: messages.AioCallback): void {
    const { kind, callback, source } = message
    const name = source === null ? nameOf(callback) : nameOf(source, callback)
    this.#spans.begin(message, 'callback', name, ['kind', kind, 'fd', source?.fd])
  }

  #polling(): [string, Listener][] {
    return [
      [
        'run_poll_handlers_begin',
        (m: messages.RunPollHandlers) =>
          this.#spans.begin(m, 'polling', 'polling', ['max ns', m.maxNs, ...timeoutOf(m)]),
      ],
      [
        'run_poll_handlers_end',
        (m: messages.RunPollHandlers) => this.#spans.end(m, ['progress', m.progress, 'left ns', m.timeoutNs]),
      ],
      ['poll_grow', (m: messages.PollTime) => this.#pollTime('poll_grow', m)],
      ['poll_shrink', (m: messages.PollTime) => this.#pollTime('poll_shrink', m)],
      [
        'poll_add',
        ({ ctx, fd }: messages.PollAdd) => this.#instant('polling', 'poll_add', ['ctx', ctx.name, 'fd', fd]),
      ],
      [
        'poll_remove',
        ({ ctx, fd }: messages.PollRemove) =>
          this.#instant('polling', 'poll_remove', ['ctx', ctx.name, 'fd', fd]),
      ],
    ]
  }

  #pollTime(name: string, { ctx, fd, oldNs, newNs }: messages.PollTime): void {
    this.#instant('polling', name, ['ctx', ctx.name, 'fd', fd, 'old ns', oldNs, 'new ns', newNs])
    const counter = event('C', 'polling', `polling time of ${ctx.name}, ns`, [
      fd < 0 ? 'ring' : `fd ${fd}`,
      newNs,
    ])
    this.#log.append(counter, this.#log.depth)
  }

  #requests(): [string, Listener][] {
    return [
      [
        'fdmon_io_uring_add_sqe',
        ({ ctx, request, opcode, fd, offset }: messages.AddSqe) =>
          this.#ring.begin(request, opcodeName(opcode), ['ctx', ctx?.name, 'fd', fd, 'offset', offset]),
      ],
      [
        'fdmon_io_uring_cqe_handler',
        ({ request, res, flags }: messages.CqeHandled) => {
          if ((flags & CQE_F_MORE) !== 0) this.#ring.note(request, ['res', res])
          else this.#ring.end(request, ['res', res])
        },
      ],
      [
        'thread_pool_submit',
        ({ ctx, request, task }: messages.PoolSubmit) =>
          this.#pool.begin(request, task.exportName, ['ctx', ctx.name, 'module', task.module]),
      ],
      [
        'thread_pool_cancel',
        ({ request }: messages.PoolCancel) => this.#pool.note(request, ['cancelled', true]),
      ],
      [
        'thread_pool_complete',
        ({ request, error }: messages.PoolComplete) =>
          this.#pool.end(request, ['error', error === null ? undefined : nameOf(error)]),
      ],
      [
        'thread_pool_run_begin',
        (m: messages.PoolRun) =>
          this.#spans.begin(m, 'thread pool', m.task.exportName, ['module', m.task.module]),
      ],
      ['thread_pool_run_end', (m: messages.PoolRun) => this.#spans.end(m, [])],
    ]
  }

  #coroutines(): [string, Listener][] {
    return [
      ['aio_co_schedule', (m: messages.CoScheduled) => this.#scheduled('aio_co_schedule', m)],
      ['aio_co_schedule_bh_cb', (m: messages.CoScheduled) => this.#scheduled('aio_co_schedule_bh_cb', m)],
      [
        'coroutine_run_begin',
        (m: messages.CoroutineRun) => this.#spans.begin(m, 'coroutine', nameOf(m.co), []),
      ],
      ['coroutine_run_end', (m: messages.CoroutineRun) => this.#spans.end(m, [])],
    ]
  }

  #scheduled(name: string, { ctx, co }: messages.CoScheduled): void {
    this.#instant('coroutine', name, ['ctx', ctx.name, 'coroutine', nameOf(co)])
  }

  #threads(): [string, Listener][] {
    return [
      [
        'iothread_start',
        (m: messages.IOThreadEvent) => this.#instant('thread', 'iothread_start', ['name', m.name]),
      ],
      [
        'iothread_stop',
        (m: messages.IOThreadEvent) => this.#instant('thread', 'iothread_stop', ['name', m.name]),
      ],
      [
        'thread_name',
        ({ name }: messages.ThreadName) =>
          this.#log.append(`,\n${metadata('thread_name', name)}`, this.#log.depth),
      ],
    ]
  }
}

function timeoutOf({ timeoutNs }: { readonly timeoutNs: number }): Value[] {
  return ['timeout ns', timeoutNs < 0 ? Number.POSITIVE_INFINITY : timeoutNs]
}

/** The first name among these. Of a function of the program's it can be anything, and reading it can throw. */
function nameOf(...named: object[]): string {
  for (const each of named) {
    try {
      const { name } = each as { name: unknown }
      if (typeof name === 'string' && name !== '') return name
    } catch {
      // It has none, then.
    }
  }
  return 'anonymous'
}
