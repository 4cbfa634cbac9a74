import { NotifyGate } from '@aiokit/notifier'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { type BottomHalf, BottomHalfList, RemoteBottomHalf, SharedStates } from '../src/index.ts'
import { MAX_SHARED } from '../src/shared-states.ts'

/** The side of another thread. That it is in this one makes no difference to it. */
function remoteOf(gate: NotifyGate, list: BottomHalfList, bh: BottomHalf): RemoteBottomHalf {
  return new RemoteBottomHalf(new NotifyGate(gate.handle), new SharedStates(list.states.words), bh.handle)
}

test('B1: scheduled any number of times from elsewhere, it runs exactly once in a following run, and the gate is notified', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  let runs = 0
  const remote = remoteOf(
    gate,
    list,
    list.create(() => runs++, { shared: true }),
  )
  expect(list.isReady).toBe(false)
  expect([remote.schedule(), remote.schedule()]).toEqual([true, true])
  expect([list.isReady, gate.notified, runs]).toEqual([true, true, 0])
  expect([list.run(), list.run(), runs, list.isReady]).toEqual([true, false, 1, false])
  remote.schedule()
  expect([list.run(), runs]).toEqual([true, 2])
})

test('N1: each schedule notifies, also of what is scheduled already', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const remote = remoteOf(
    gate,
    list,
    list.create(() => {}, { shared: true }),
  )
  remote.schedule()
  gate.accept(false)
  remote.schedule()
  expect(gate.notified).toBe(true)
})

test('B1 to B5: the same as a queue in which elsewhere and here are one, for any sequence', () => {
  const COUNT = 4
  const action = fc.record({
    what: fc.constantFrom('local', 'remote', 'idle', 'cancel', 'delete', 'create', 'run'),
    which: fc.nat(COUNT - 1),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (sequence) => {
      using gate = new NotifyGate()
      const list = new BottomHalfList(gate)
      const ran: number[] = []
      const bhs: (BottomHalf | null)[] = []
      const remotes: RemoteBottomHalf[] = []
      // The model: what was scheduled here, what elsewhere, which run takes after that, and which are idle.
      let here: number[] = []
      let elsewhere: number[] = []
      const idle = new Set<number>()
      const create = (which: number): void => {
        const bh = list.create(() => ran.push(which), { shared: true })
        bhs[which] = bh
        remotes[which] = remoteOf(gate, list, bh)
      }
      const drop = (which: number): void => {
        here = here.filter((other) => other !== which)
        elsewhere = elsewhere.filter((other) => other !== which)
        idle.delete(which)
      }
      const actions: Record<string, (which: number, bh: BottomHalf) => void> = {
        local(which, bh) {
          bh.schedule()
          idle.delete(which)
          if (!here.includes(which)) here.push(which)
        },
        idle(which, bh) {
          bh.scheduleIdle()
          if (here.includes(which)) return
          here.push(which)
          idle.add(which)
        },
        remote(which) {
          expect(remotes[which]!.schedule()).toBe(true)
          if (!elsewhere.includes(which)) elsewhere.push(which)
        },
        cancel(which, bh) {
          bh.cancel()
          drop(which)
        },
        delete(which, bh) {
          bh.delete()
          bhs[which] = null
          drop(which)
        },
        run() {
          for (const which of elsewhere) {
            idle.delete(which)
            if (!here.includes(which)) here.push(which)
          }
          const progress = here.some((which) => !idle.has(which))
          expect(list.run()).toBe(progress)
          expect(ran.splice(0)).toEqual(here)
          here = []
          elsewhere = []
          idle.clear()
        },
      }
      for (let which = 0; which < COUNT; which++) create(which)
      for (const { what, which } of [...sequence, { what: 'run', which: 0 }]) {
        const bh = bhs[which]!
        if (what === 'run') actions['run']!(which, bh)
        else if (bh !== null) actions[what]?.(which, bh)
        else if (what === 'create') create(which)
        else expect(remotes[which]!.schedule()).toBe(false)
      }
    }),
    { numRuns: 500 },
  )
})

test('B5: what was deleted is not scheduled from elsewhere, nor is what has its place now', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const first = list.create(() => expect.unreachable(), { shared: true })
  const stale = remoteOf(gate, list, first)
  first.delete()
  let runs = 0
  const second = list.create(() => runs++, { shared: true })
  expect(second.handle.id).toBe(0)
  expect([stale.schedule(), list.isReady]).toEqual([false, false])
  expect(remoteOf(gate, list, second).schedule()).toBe(true)
  list.run()
  expect(runs).toBe(1)
})

test('B5: one that is deleted while it is scheduled does not run, and its place is used again only afterwards', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const first = list.create(() => expect.unreachable(), { shared: true })
  remoteOf(gate, list, first).schedule()
  first.delete()
  expect(list.create(() => {}, { shared: true }).handle.id).toBe(1)
  list.run()
  expect(list.create(() => {}, { shared: true }).handle.id).toBe(0)
})

test('X3: handles that somebody made up run nothing and give nobody the place of another', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const bh = list.create(() => expect.unreachable(), { shared: true })
  const { loop, id, generation } = bh.handle
  const forge = (handle: object): RemoteBottomHalf =>
    new RemoteBottomHalf(gate, list.states, { loop, id, generation, ...handle })
  // A place that nobody has had yet, and one that is free.
  forge({ id: 4000, generation: 0 }).schedule()
  bh.delete()
  forge({ generation: generation + 1 }).schedule()
  list.run()
  const ran: string[] = []
  const [first, second] = ['first', 'second'].map((name) =>
    list.create(() => ran.push(name), { shared: true }),
  )
  expect(first!.handle.id).not.toBe(second!.handle.id)
  remoteOf(gate, list, first!).schedule()
  list.run()
  expect(ran).toEqual(['first'])
})

test('X3: there is room for 4,096; one more is an error, and one less makes room', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const bhs = Array.from({ length: MAX_SHARED }, () => list.create(() => {}, { shared: true }))
  expect(() => list.create(() => {}, { shared: true })).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_TOO_MANY_SHARED' }),
  )
  bhs[77]!.delete()
  expect(list.create(() => {}, { shared: true }).handle.id).toBe(77)
})

test('X3: a side that is closed says so, and has scheduled nothing', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const bh = list.create(() => {}, { shared: true })
  const side = new NotifyGate(gate.handle)
  const remote = new RemoteBottomHalf(side, new SharedStates(list.states.words), bh.handle)
  side.close()
  expect(() => remote.schedule()).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  expect(list.isReady).toBe(false)
})

test('X3: handles: only of a shared one, only where they belong, and nothing else will do', () => {
  using gate = new NotifyGate()
  const list = new BottomHalfList(gate)
  const shared = list.create(() => {}, { shared: true })
  expect(() => list.create(() => {}).handle).toThrow(expect.objectContaining({ code: 'ERR_AIO_NOT_SHARED' }))
  expect(() => list.create(() => {}, { shared: 1 as never })).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
  )
  const other = new BottomHalfList(gate)
  expect(() => new RemoteBottomHalf(gate, other.states, shared.handle)).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_WRONG_CONTEXT' }),
  )
  for (const wrong of [null, 5, {}, { ...shared.handle, id: 1.5 }, { ...shared.handle, id: MAX_SHARED }]) {
    expect(() => new RemoteBottomHalf(gate, list.states, wrong as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/ERR_AIO_(INVALID_ARG_TYPE|OUT_OF_RANGE)/) }),
    )
  }
  for (const wrong of [null, new Int32Array(3), new Int32Array(new SharedArrayBuffer(8))]) {
    expect(() => new SharedStates(wrong as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  }
  const { handle } = shared
  shared.delete()
  expect(() => shared.handle).toThrow(expect.objectContaining({ code: 'ERR_AIO_BH_DELETED' }))
  const closed = remoteOf(
    gate,
    list,
    list.create(() => {}, { shared: true }),
  )
  expect(new RemoteBottomHalf(gate, list.states, handle).schedule()).toBe(false)
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  list.close()
  expect(warn).toHaveBeenCalledOnce()
  warn.mockRestore()
  expect(closed.schedule()).toBe(false)
})
