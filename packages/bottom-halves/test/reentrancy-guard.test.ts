import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { NotifyGate } from '@aiokit/notifier'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BottomHalfList, ReentrancyGuard } from '../src/index.ts'

const events: unknown[] = []
const listen = (event: unknown) => void events.push(event)
beforeEach(() => {
  events.length = 0
  subscribe('aiokit:reentrant_aio', listen)
})
afterEach(() => {
  unsubscribe('aiokit:reentrant_aio', listen)
})

test('B8: entering a guard that is engaged is reported with the name, and runs', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const guard = new ReentrancyGuard()
  const order: string[] = []
  const inner = list.create(() => order.push(`inner ${guard.engaged}`), { name: 'inner', guard })
  const outer = list.create(
    () => {
      order.push(`outer ${guard.engaged}`)
      list.run()
    },
    { name: 'outer', guard },
  )
  outer.schedule()
  inner.schedule()
  list.run()
  expect(order).toEqual(['outer true', 'inner true'])
  expect(events).toEqual([{ name: 'inner', guard }])
  expect(guard.engaged).toBe(false)
})

test('B8: one after the other is no reentrancy, nor is another guard', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const guard = new ReentrancyGuard()
  list.create(() => {}, { guard }).schedule()
  list.create(() => list.run(), { guard }).schedule()
  list.create(() => {}, { guard: new ReentrancyGuard() }).schedule()
  list.run()
  expect(events).toEqual([])
})

test('B8, X1: a callback that throws leaves the guard as it was', () => {
  const guard = new ReentrancyGuard()
  expect(() =>
    guard.run(() => {
      throw new Error('oops')
    }, 'bh'),
  ).toThrow('oops')
  expect(guard.engaged).toBe(false)
  guard.engaged = true
  guard.run(() => {}, 'bh')
  expect(guard.engaged).toBe(true)
  expect(events).toHaveLength(1)
})

test('X3: what cannot be run, and what is neither engaged nor not, is refused', () => {
  const guard = new ReentrancyGuard()
  const refused = expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' })
  expect(() => guard.run(null as never, 'bh')).toThrow(refused)
  expect(() => guard.run(() => {}, Symbol('s') as never)).toThrow(refused)
  expect(() => {
    guard.engaged = 1 as never
  }).toThrow(refused)
  expect(guard.engaged).toBe(false)
})
