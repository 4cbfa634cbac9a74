import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { type Abortable, checkTaskOptions, forgetAbort, listenForAbort } from '../src/index.ts'

class Noting implements Abortable {
  readonly reasons: unknown[] = []
  aborted(reason: unknown): void {
    this.reasons.push(reason)
  }
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('W4: a signal has one listener for all that wait for it, and none when nothing does', () => {
  const { signal } = new AbortController()
  const all = Array.from({ length: 100 }, () => new Noting())
  for (const one of all) listenForAbort(signal, one)
  expect(listeners(signal)).toBe(1)
  for (const one of all) forgetAbort(signal, one)
  expect(listeners(signal)).toBe(0)
  forgetAbort(signal, all[0]!)
  listenForAbort(signal, all[0]!)
  expect(listeners(signal)).toBe(1)
})

test('W4: those that wait hear the reason once, and what was forgotten, also meanwhile, hears nothing', () => {
  const controller = new AbortController()
  const { signal } = controller
  const [first, second, forgotten] = [new Noting(), new Noting(), new Noting()]
  const forgetting: Abortable = { aborted: () => forgetAbort(signal, forgotten) }
  for (const one of [first, forgetting, second, forgotten]) listenForAbort(signal, one)
  controller.abort('enough')
  controller.abort('again')
  expect([first.reasons, second.reasons, forgotten.reasons]).toEqual([['enough'], ['enough'], []])
  expect(listeners(signal)).toBe(0)
})

test('W4: the reason is never null, which callbacks take for success', () => {
  const controller = new AbortController()
  const one = new Noting()
  listenForAbort(controller.signal, one)
  controller.abort(null)
  expect(one.reasons).toEqual([expect.objectContaining({ name: 'AbortError' })])
  expect(() => checkTaskOptions({ signal: controller.signal })).toThrow(
    expect.objectContaining({ name: 'AbortError' }),
  )
})

test('X3: options that are none are refused', () => {
  const wrong = [
    null,
    5,
    { transfer: null },
    { transfer: new Set() },
    { signal: null },
    { signal: new EventTarget() },
  ]
  for (const options of wrong) {
    expect(() => checkTaskOptions(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
})
