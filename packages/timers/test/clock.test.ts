import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Clock, host, ManualClock, realtime, virtual } from '../src/index.ts'
import { wallSource } from '../src/sources.ts'

const MICROSECOND = 1000

describe('T1: the clocks', () => {
  test('T1: realtime is CLOCK_MONOTONIC', () => {
    const before = Number(process.hrtime.bigint())
    const now = realtime.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Number(process.hrtime.bigint()))
  })

  test('T1: host is the wall clock, within a millisecond of Date.now(), and does not go back within one', () => {
    let last = 0
    const seen = new Set<number>()
    for (let i = 0; i < 3000; i++) {
      const before = Date.now()
      const now = host.now()
      const after = Date.now()
      expect(now).toBeGreaterThanOrEqual(before * 1e6 - MICROSECOND)
      expect(now).toBeLessThanOrEqual((after + 1) * 1e6 + MICROSECOND)
      if (before === after && Math.floor(last / 1e6) === before) expect(now).toBeGreaterThanOrEqual(last)
      last = now
      seen.add(now)
    }
    // Finer than Date.now(): 3000 reads take many times 256 ns.
    expect(seen.size).toBeGreaterThan(100)
  })

  test('T1: the wall clock follows whatever it is set to, and goes back only if that does', () => {
    fc.assert(
      fc.property(
        // Time that passes, and how much the wall clock is set forward or back at that moment.
        fc.array(
          fc.record({
            ns: fc.nat(3_000_000),
            set: fc.option(fc.integer({ min: -1e9, max: 1e9 }), { freq: 3 }),
          }),
          {
            maxLength: 50,
          },
        ),
        (steps) => {
          let ns = 5e9
          let wallNs = 1e12
          const source = wallSource(
            () => Math.floor(wallNs / 1e6),
            () => ns,
          )
          let last = source()
          for (const step of steps) {
            ns += step.ns
            wallNs += step.ns + (step.set ?? 0)
            const now = source()
            expect(Math.floor(now / 1e6)).toBe(Math.floor(wallNs / 1e6))
            if (step.set === null) expect(now).toBeGreaterThanOrEqual(last)
            last = now
          }
        },
      ),
    )
  })

  test('T1: the wall clock learns the part below the millisecond from the moments in which one begins', () => {
    let ns = 0
    // Reads every 10 us, of a wall clock that is 0.3 ms into a millisecond when the other one is at 0.
    const source = wallSource(
      () => Math.floor((1e12 + 300_000 + ns) / 1e6),
      () => ns,
    )
    for (; ns < 3e6; ns += 10_000) source()
    expect(Math.abs(source() - (1e12 + 300_000 + ns))).toBeLessThanOrEqual(10_000)
  })

  test('T1: virtual stands still while it is disabled and goes on from there', () => {
    const before = virtual.now()
    virtual.setEnabled(false)
    const stopped = virtual.now()
    expect(stopped).toBeGreaterThanOrEqual(before)
    const since = realtime.now()
    while (realtime.now() - since < 1e6);
    expect([virtual.now(), virtual.enabled]).toEqual([stopped, false])
    virtual.setEnabled(false)
    virtual.setEnabled(true)
    const resumed = virtual.now()
    expect(resumed).toBeGreaterThanOrEqual(stopped)
    expect(realtime.now() - resumed).toBeGreaterThanOrEqual(1e6)
  })

  test('T1: disabling another clock stops its timers and not its time', () => {
    realtime.setEnabled(false)
    const first = realtime.now()
    while (realtime.now() === first);
    expect(realtime.enabled).toBe(false)
    realtime.setEnabled(true)
  })

  test('T1: a pausable clock of any source never goes back and loses exactly the time it was stopped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ by: fc.double({ min: 0, max: 1e12, noNaN: true }), toggle: fc.boolean() })),
        (steps) => {
          let now = 12_345
          const clock = new Clock({ name: 'test', source: () => now, pausable: true })
          let expected = now
          let last = clock.now()
          for (const { by, toggle } of steps) {
            if (clock.enabled) expected += by
            now += by
            if (toggle) clock.setEnabled(!clock.enabled)
            expect(clock.now()).toBeGreaterThanOrEqual(last)
            expect(clock.now()).toBeCloseTo(expected, -3)
            last = clock.now()
          }
        },
      ),
    )
  })

  test('T1: who reads the time while another thread is stopping the clock waits for the end of that', () => {
    let stopping = false
    const source = () => {
      if (!stopping) return 5
      stopping = false
      const { wait } = Atomics
      Atomics.wait = () => {
        throw new Error('waits')
      }
      expect(() => elsewhere.now()).toThrow('waits')
      Atomics.wait = wait
      return 6
    }
    const clock = new Clock({ name: 'test', source, pausable: true })
    const elsewhere = Clock.from(clock.handle, source)
    stopping = true
    clock.setEnabled(false)
    expect([stopping, elsewhere.now()]).toEqual([false, 6])
  })

  test('T1: a source that throws does so in now() and setEnabled(), and leaves the clock usable', () => {
    let broken = false
    const clock = new Clock({
      name: 'test',
      pausable: true,
      source: () => {
        if (broken) throw new Error('broken')
        return 42
      },
    })
    broken = true
    expect(() => clock.now()).toThrow('broken')
    expect(() => clock.setEnabled(false)).toThrow('broken')
    broken = false
    expect([clock.enabled, clock.now()]).toEqual([true, 42])
  })
})

describe('X2 X3: misuse', () => {
  const invalid = expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' })

  test('X3: what is no clock is refused', () => {
    for (const bad of [null, undefined, 1, {}, { state: new SharedArrayBuffer(8) }]) {
      expect(() => Clock.from(bad as never)).toThrow(invalid)
      expect(() => ManualClock.from(bad as never)).toThrow(invalid)
    }
    const own = new Clock({ name: 'own', source: () => 1 })
    expect(() => Clock.from(own.handle)).toThrow('"source" must be a function')
    expect(() => ManualClock.from(own.handle)).toThrow('a ManualClock')
    expect(() => new Clock({ name: 'x', source: 'toString' as never })).toThrow(invalid)
    for (const options of [undefined, null, 'own', () => 1])
      expect(() => new Clock(options as never)).toThrow(invalid)
    for (const name of [1, Symbol('s')])
      expect(() => new Clock({ name: name as never, source: () => 1 })).toThrow('"options.name"')
    expect(() => new Clock({ name: 'x', source: () => 1, pausable: -1 as never })).toThrow(
      '"options.pausable"',
    )
    expect(() => new ManualClock(1 as never)).toThrow('"name" must be a string')
    // What a typed array would be made of is no memory of a clock.
    for (const shared of [null, -1, 1e300, Symbol('s'), [], new SharedArrayBuffer(8)]) {
      expect(() => new Clock({ name: 'x', source: () => 1 }, shared as never)).toThrow(invalid)
      expect(() => new ManualClock('x', shared as never)).toThrow(invalid)
    }
    expect(() => Clock.from({ ...virtual.handle, pausable: 1 as never })).toThrow(invalid)
  })

  test('X3: wrong arguments are refused', () => {
    expect(() => virtual.setEnabled(1 as never)).toThrow(invalid)
    const clock = new ManualClock()
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => clock.set(bad)).toThrow(expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }))
      expect(() => clock.advance(bad)).toThrow(expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }))
    }
    expect(() => virtual.forgetThread(0)).toThrow(expect.objectContaining({ code: 'ERR_AIO_WRONG_THREAD' }))
    expect(() => virtual.forgetThread(-1)).toThrow(expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }))
  })
})
