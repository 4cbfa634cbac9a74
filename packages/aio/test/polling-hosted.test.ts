import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { pipe } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { AioContext, type PollParams } from '../src/index.ts'
import { Doorbell } from './doorbell.ts'
import { hosted } from './hosted.ts'
import { monitors } from './monitors.ts'

/** Polls for a second as soon as something was heard once. */
const LONG: PollParams = { maxNs: 1e9, grow: 1e9 }

const SHORT: PollParams = { maxNs: 50_000, grow: 1e9 }

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe.each(monitors)('on %s', (_, make) => {
  test('P9: bottom halves that another thread schedules while the context polls take no system call on either side', async () => {
    const times = 100
    using ctx = new AioContext({ fdmon: make(), poll: LONG })
    const words = new Int32Array(new SharedArrayBuffer(8))
    let runs = 0
    const bh = ctx.createBottomHalf(
      () => {
        runs++
      },
      { shared: true },
    )
    const worker = new Worker(new URL('./fixtures/spinner.mjs', import.meta.url), {
      workerData: { handle: ctx.handle, bottomHalf: bh.handle, words, times },
    })
    const ended = once(worker, 'exit')
    while (Atomics.load(words, 1) === 0) await turn()
    // The other thread goes on when this one looks.
    using bell = new Doorbell()
    let isTold = false
    ctx.setFdHandler(bell.fd, {
      ...bell.handlers,
      poll() {
        if (isTold) Atomics.store(words, 0, runs + 1)
        return false
      },
    })
    for (let i = 0; i < 2; i++) {
      bell.notifier.set()
      while (bell.log.filter((each) => each === 'read').length <= i) ctx.poll(true)
    }
    isTold = true
    const before = ctx.stats()
    while (runs < times) ctx.poll(true)
    const after = ctx.stats()
    const polls = after.polls - before.polls
    const hits = after.pollHits - before.pollHits
    expect(hits).toBeGreaterThanOrEqual(times)
    // One that takes a second, because the machine is busy with something else, is slept for. A monitor that cannot be
    // watched is asked now and then.
    expect(after.eventfdWrites - before.eventfdWrites).toBeLessThanOrEqual(polls - hits)
    expect(after.systemCalls - before.systemCalls).toBeLessThanOrEqual(4 * (polls - hits) + 4)
    await ended
    bh.delete()
  })
})

describe.each(hosted)('on %s by %s()', (_, host, make) => {
  const start = (poll: PollParams): AioContext => {
    const ctx = new AioContext({ fdmon: make(), poll })
    if (host === 'attach') ctx.attach()
    else ctx.run()
    return ctx
  }

  test('P11: polling mode that a nested poll began ends before Node’s loop sleeps, and what came meanwhile is called', async () => {
    await using ctx = start(LONG)
    using bell = new Doorbell()
    const [reader, writer] = pipe()
    ctx.setFdHandler(bell.fd, bell.handlers)
    await new Promise<void>((resolve) => {
      ctx.setFdHandler(reader, {
        // Which leaves nothing that cannot be polled for.
        read() {
          ctx.setFdHandler(reader, null)
          for (let i = 0; i < 2; i++) {
            bell.notifier.set()
            ctx.poll(true)
          }
          bell.rung = true
          ctx.poll(true)
          resolve()
        },
      })
      sys.write(writer, new Uint8Array(1))
    })
    const at = bell.log.length
    const heard = new Promise<void>((resolve) => {
      bell.onHeard = resolve
    })
    bell.onEnd = () => {
      bell.onEnd = () => {}
      bell.rung = true
    }
    if (host === 'run') ctx.stop()
    else await heard
    expect(bell.log.slice(at)).toContain('end')
    ctx.setFdHandler(bell.fd, null)
    for (const fd of [reader, writer]) sys.close(fd)
  })

  test('P3: pollReady is not called unless poll said true', async () => {
    await using ctx = start(SHORT)
    using bell = new Doorbell()
    let said = 0
    const { poll } = bell.handlers
    let reads = 0
    let resolve!: () => void
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    ctx.setFdHandler(bell.fd, {
      ...bell.handlers,
      poll() {
        const is = poll!.call(this)
        if (is) said++
        return is
      },
      read() {
        bell.notifier.testAndClear()
        if (++reads === 20) resolve()
        else bell.notifier.set()
        bell.rung = reads % 3 === 0
      },
    })
    bell.notifier.set()
    await promise
    await turn()
    expect(bell.log.filter((each) => each === 'pollReady').length).toBeLessThanOrEqual(said)
    ctx.setFdHandler(bell.fd, null)
  })

  test('A3, X1: what poll throws is an uncaught exception, and the loop goes on', async () => {
    await using ctx = start(LONG)
    using bell = new Doorbell()
    const seen: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => seen.push(error.message))
    try {
      let fails = true
      ctx.setFdHandler(bell.fd, {
        ...bell.handlers,
        poll() {
          if (fails) throw new Error('from poll')
          return bell.rung
        },
      })
      let done = false
      bell.onHeard = () => {
        done = true
      }
      // Node's loop does not poll: nothing is asked where the context is attached.
      for (let i = 0; i < 2; i++) {
        done = false
        bell.notifier.set()
        while (!done) await turn()
      }
      if (host === 'run') while (seen.length === 0) await setTimeout(1)
      fails = false
      done = false
      bell.notifier.set()
      while (!done) await turn()
      for (const each of seen) expect(each).toBe('from poll')
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
      ctx.setFdHandler(bell.fd, null)
    }
  })
})
