import { getEventListeners } from 'node:events'
import * as sys from '@aiokit/sys'
import { pipe } from '@aiokit/testing'
import { realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'
import { output, runHosted } from './hosted.ts'
import { monitors } from './monitors.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length
/** What came of it. */
const settled = (promise: Promise<void>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  )

describe.each(monitors)('run({ signal }) on %s', (monitor, make) => {
  let ctx: AioContext
  let controller: AbortController
  beforeEach(() => {
    ctx = new AioContext({ fdmon: make() })
    controller = new AbortController()
  })
  afterEach(() => ctx.close())

  /** Whose callback it is that aborts. */
  const callers: { [name: string]: (call: () => void) => void } = {
    'the program': (call) => call(),
    'a bottom half': (call) => ctx.scheduleOneshot(call),
    'a timer': (call) => ctx.createTimer(realtime, call).mod(realtime.now() + 1e6),
    'a handler'(call) {
      const [reader, writer] = pipe()
      sys.write(writer, new Uint8Array(1))
      ctx.setFdHandler(reader, {
        read() {
          ctx.setFdHandler(reader, null)
          for (const fd of [reader, writer]) sys.close(fd)
          call()
        },
      })
    },
    'a nested poll': (call) =>
      ctx.scheduleOneshot(() => {
        ctx.scheduleOneshot(call)
        ctx.poll(true)
      }),
    'a promise': (call) => ctx.scheduleOneshot(() => Promise.resolve().then(call)),
    'a timer of Node’s': (call) => setTimeout(call),
    'a poll in a timer of Node’s': (call) =>
      setTimeout(() => {
        ctx.scheduleOneshot(call)
        ctx.poll(true)
      }),
  }

  test.each(Object.keys(callers))(
    'A4: aborted by %s it stops, and the promise is rejected with the reason',
    async (caller) => {
      const { signal } = controller
      const order: string[] = []
      const ran = settled(ctx.run({ signal }))
      callers[caller]!(() => {
        ctx.scheduleOneshot(() => order.push('left'))
        controller.abort(order)
        order.push('aborted')
      })
      expect(await ran).toBe(order)
      for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
      expect([order, listeners(signal)]).toEqual([['aborted'], 0])
      ctx.poll(false)
      expect(order).toEqual(['aborted', 'left'])
      // It can be run again, by another signal.
      const again = settled(ctx.run({ signal: AbortSignal.timeout(1) }))
      expect(await again).toMatchObject({ name: 'TimeoutError' })
    },
  )

  test('A4: the reason is an AbortError unless another was given', async () => {
    for (const reason of [undefined, null]) {
      const { signal, abort } = bound(new AbortController())
      const ran = settled(ctx.run({ signal }))
      abort(reason)
      expect(await ran).toMatchObject({ name: 'AbortError' })
      expect(await settled(ctx.run({ signal }))).toMatchObject({ name: 'AbortError' })
    }
  })

  test('A4: by a signal that is aborted already nothing is run, and nothing is changed', async () => {
    let ran = false
    ctx.scheduleOneshot(() => {
      ran = true
    })
    expect(await settled(ctx.run({ signal: AbortSignal.abort('no') }))).toBe('no')
    await new Promise((resolve) => setImmediate(resolve))
    expect(ran).toBe(false)
    ctx.attach()
    await new Promise((resolve) => setImmediate(resolve))
    expect(ran).toBe(true)
  })

  test.each(['stop', 'close'] as const)(
    'A4: after %s() it is too late to abort, before it is not; nobody listens to the signal any more',
    async (how) => {
      const late = settled(ctx.run({ signal: controller.signal }))
      ctx.stop()
      controller.abort('late')
      const early = bound(new AbortController())
      const aborted = settled(ctx.run({ signal: early.signal }))
      early.abort('early')
      const { signal } = new AbortController()
      const last = settled(ctx.run({ signal }))
      expect(listeners(signal)).toBe(1)
      ctx[how]()
      expect(await Promise.all([late, aborted, last])).toEqual(['fulfilled', 'early', 'fulfilled'])
      for (const each of [controller.signal, early.signal, signal]) expect(listeners(each)).toBe(0)
    },
  )

  test('X3: what is no signal is refused, and what is misuse anyway stays so', async () => {
    const code = (value: string) => expect.objectContaining({ code: value })
    for (const options of [null, 5, { signal: null }, { signal: { aborted: true } }])
      expect(() => ctx.run(options as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    const ran = ctx.run()
    expect(() => ctx.run({ signal: AbortSignal.abort() })).toThrow(code('ERR_AIO_RUNNING'))
    ctx.stop()
    await ran
    ctx.attach()
    expect(() => ctx.run({ signal: AbortSignal.abort() })).toThrow(code('ERR_AIO_ATTACHED'))
  })

  test('A1, A4: a process that has nothing else ends when it is aborted, asleep until then', () => {
    const body = (signal: string) => `
      ctx.stop()
      ctx.setFdHandler(pipe()[0], { read() {} })
      try {
        await ctx.run({ signal: ${signal} })
      } catch (error) {
        console.log(error.name)
      }`
    expect(output(runHosted(monitor, 'run', body('AbortSignal.timeout(20)'), { timeoutMs: 5000 }))).toBe(
      'TimeoutError\n',
    )
  })
})

function bound(controller: AbortController): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}
