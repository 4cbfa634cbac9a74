import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AioHandler, type FdHandlers, type FdMonitor, FdTable } from '../src/index.ts'

/** A monitor that finds nothing: what is ready here is found by looking. */
const nothing = (): FdMonitor => ({
  name: 'poll',
  backendFd: -1,
  systemCalls: 0,
  update(handler, events) {
    handler.events = events
  },
  wait() {},
  needWait: () => false,
  prepare: () => false,
  check: () => false,
  collect() {},
  close() {},
})

/** Something to look at, and what its handlers were called for. */
class Source {
  says = false
  log: string[] = []
  readonly handlers: FdHandlers = {
    read: () => {},
    poll: () => {
      this.log.push('poll')
      return this.says
    },
    pollReady: () => void this.log.push('pollReady'),
    pollBegin: () => void this.log.push('begin'),
    pollEnd: () => void this.log.push('end'),
  }

  take(): string {
    return this.log.splice(0).join()
  }
}

const newTable = (): FdTable => new FdTable(nothing, () => {})

test('P3: who says so is called by the next dispatch, once, and only who is among them is asked', () => {
  using table = newTable()
  const [a, b] = [new Source(), new Source()]
  const handler = table.set(1, a.handlers)
  table.set(2, b.handlers)
  expect([table.polled.add(handler), table.polled.add(handler), table.polled.look()]).toEqual([
    true,
    false,
    false,
  ])
  a.says = b.says = true
  expect([table.polled.look(), table.polled.look(), table.hasReady]).toEqual([true, true, true])
  expect([table.dispatch(), table.dispatch()]).toEqual([true, false])
  expect([a.take(), b.take()]).toEqual(['poll,poll,poll,pollReady', ''])
})

test('P6: between begin and end each hears of both once, and is asked at the end', () => {
  using table = newTable()
  const [a, b] = [new Source(), new Source()]
  table.polled.add(table.set(1, a.handlers))
  expect(table.polled.end()).toBe(false)
  table.polled.begin()
  table.polled.begin()
  // Who comes later hears of it as well.
  table.polled.add(table.set(2, b.handlers))
  expect([a.take(), b.take(), table.polled.isPolling]).toEqual(['begin', 'begin', true])
  b.says = true
  expect([table.polled.end(), table.polled.end(), table.polled.isPolling]).toEqual([true, false, false])
  expect([a.take(), b.take()]).toEqual(['end,poll', 'end,poll'])
  table.polled.begin()
  table.close()
  expect([a.take(), b.take()]).toEqual(['begin,end', 'begin,end'])
})

describe('P6: whatever is done in whatever order', () => {
  const step = fc.record({
    what: fc.constantFrom(
      'add',
      'remove',
      'retire',
      'unwatch',
      'replace',
      'begin',
      'end',
      'look',
      'dispatch',
    ),
    who: fc.nat(3),
    says: fc.boolean(),
  })

  test('begins and ends come in turn, nobody is asked who is not among them, and nobody called who has said nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = newTable()
        const sources = [0, 1, 2, 3].map(() => new Source())
        const handlers: (AioHandler | undefined)[] = sources.map(({ handlers }, fd) =>
          table.set(fd, handlers),
        )
        for (const { what, who, says } of steps) {
          const handler = handlers[who]
          sources[who]!.says = says
          if (what === 'add') {
            if (handler !== undefined && table.get(who) === handler) table.polled.add(handler)
          } else if (what === 'remove' || what === 'retire') {
            if (handler !== undefined) table.polled[what](handler)
          } else if (what === 'unwatch') {
            table.remove(who)
            handlers[who] = undefined
          } else if (what === 'replace') {
            handlers[who] = table.set(who, { ...sources[who]!.handlers })
          } else if (what === 'dispatch') {
            table.dispatch()
          } else {
            table.polled[what]()
          }
          const among = new Set(table.polled)
          for (const each of handlers)
            expect(each !== undefined && among.has(each)).toBe((each?.pollSlot ?? -1) >= 0)
        }
        table.close()
        for (const { log } of sources) {
          const brackets = log.filter((each) => each === 'begin' || each === 'end')
          expect(brackets.length % 2).toBe(0)
          for (const [i, each] of brackets.entries()) expect(each).toBe(i % 2 === 0 ? 'begin' : 'end')
          let asked = 0
          for (const each of log) {
            if (each === 'poll') asked++
            if (each === 'pollReady') expect(asked).toBeGreaterThan(0)
          }
        }
      }),
    )
  })
})

test('X1: what some of them throw at the end leaves it when all have ended', () => {
  const table = newTable()
  const sources = [0, 1, 2].map(() => new Source())
  for (const [fd, source] of sources.entries()) {
    const pollEnd = (): void => {
      source.log.push('end')
      throw new Error(`from ${fd}`)
    }
    table.polled.add(table.set(fd, { ...source.handlers, pollEnd }))
  }
  table.polled.begin()
  expect(() => table.polled.end()).toThrow(/^from \d$/)
  for (const source of sources) expect(source.take()).toBe('begin,end,poll')
  table.polled.begin()
  expect(() => table.close()).toThrow(/^from \d$/)
  for (const source of sources) expect(source.take()).toBe('begin,end')
})

test('X3: what belongs to poll needs it', () => {
  using table = newTable()
  for (const handlers of [
    { read() {}, poll: () => true },
    { read() {}, pollReady() {} },
    { read() {}, pollBegin() {} },
    { read() {}, pollEnd() {} },
    { poll: () => true, pollReady() {} },
  ] as FdHandlers[]) {
    expect(() => table.set(1, handlers)).toThrow(expect.objectContaining({ code: 'ERR_AIO_NO_CALLBACK' }))
  }
})
