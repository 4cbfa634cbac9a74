import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Clock, ManualClock, TimerList } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'aiokit-timers-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A clock that says what it is told to and counts how often it is asked. */
function testClock() {
  const time = { now: 1000, reads: 0 }
  const source = () => {
    time.reads++
    return time.now
  }
  return { time, source, clock: new Clock({ name: 'test', source }) }
}

function listOn(clock: Clock, wakeFd?: number) {
  const count = { notified: 0 }
  const notify = () => count.notified++
  return { count, list: new TimerList(clock, wakeFd === undefined ? { notify } : { notify, wakeFd }) }
}

/** Stands in for an eventfd: what is written to it can be looked at. */
function wakeFile(name: string) {
  const path = join(folder, name)
  return { path, fd: openSync(path, 'a'), wakes: () => readFileSync(path).length / 8 }
}

describe('T1: deadlines', () => {
  test('T1: the deadline is the whole ns left, 0 when due, -1 when there is none', () => {
    const { clock, time } = testClock()
    const { list } = listOn(clock)
    const timer = list.createTimer(() => {})
    expect(list.deadlineNs()).toBe(-1)
    timer.mod(1500.25)
    expect(list.deadlineNs()).toBe(501)
    expect(timer.expireTime).toBe(1500.25)
    time.now = 1500.25
    expect(list.deadlineNs()).toBe(0)
    time.now = 9999
    expect(list.deadlineNs()).toBe(0)
    timer.del()
    expect(list.deadlineNs()).toBe(-1)
  })

  test('P10: no clock is read while nothing is pending or the clock is stopped', () => {
    const { clock, time } = testClock()
    const { list } = listOn(clock)
    const timer = list.createTimer(() => {})
    expect([list.deadlineNs(), list.run()]).toEqual([-1, false])
    timer.mod(2000)
    timer.del()
    expect([list.deadlineNs(), list.run()]).toEqual([-1, false])
    timer.mod(2000)
    clock.setEnabled(false)
    time.reads = 0
    expect([list.deadlineNs(), list.run()]).toEqual([-1, false])
    expect(time.reads).toBe(0)
  })

  test('T1: on a manual clock a deadline cannot be slept for: it is due or not, and setting the clock wakes', () => {
    const clock = new ManualClock()
    const { list, count } = listOn(clock)
    let ran = 0
    list.createTimer(() => ran++).mod(100)
    count.notified = 0
    expect(list.deadlineNs()).toBe(-1)
    clock.advance(99)
    expect([clock.now(), list.deadlineNs(), list.run(), count.notified]).toEqual([99, -1, false, 1])
    clock.advance(1)
    expect([clock.now(), list.deadlineNs(), list.run(), ran, count.notified]).toEqual([100, 0, true, 1, 2])
    clock.set(5)
    expect([clock.now(), count.notified]).toEqual([5, 3])
    clock.setEnabled(false)
    clock.set(1e6)
    expect([clock.now(), count.notified]).toEqual([1e6, 3])
    clock.setEnabled(true)
    expect([clock.now(), count.notified]).toEqual([1e6, 4])
  })

  test('T2: a negative deadline is due at once, before any other', () => {
    const { clock } = testClock()
    const { list } = listOn(clock)
    const ran: string[] = []
    list.createTimer(() => ran.push('at 1')).mod(1)
    const timer = list.createTimer(() => ran.push('at -5'))
    timer.mod(-5)
    expect(timer.expireTime).toBe(0)
    list.run()
    expect(ran).toEqual(['at -5', 'at 1'])
  })
})

describe('T3 X1: passes', () => {
  test('T3: a timer armed to the past by its own callback runs once a pass', () => {
    const { clock } = testClock()
    const { list } = listOn(clock)
    let ran = 0
    const timer = list.createTimer(() => {
      ran++
      timer.mod(0)
    })
    timer.mod(0)
    list.run()
    list.run()
    expect([ran, list.deadlineNs()]).toEqual([2, 0])
  })

  test('T3: a nested pass first runs what its parent had not, then what became due; the parent repeats nothing', () => {
    const { clock } = testClock()
    const { list } = listOn(clock)
    const ran: string[] = []
    const late = list.createTimer(() => ran.push('late'))
    list
      .createTimer(() => {
        ran.push('first')
        late.mod(0)
        expect(list.deadlineNs()).toBe(0)
        expect(list.run()).toBe(true)
        ran.push('first ends')
      })
      .mod(1)
    list.createTimer(() => ran.push('second')).mod(2)
    expect(list.run()).toBe(true)
    expect(ran).toEqual(['first', 'second', 'late', 'first ends'])
    expect(list.run()).toBe(false)
  })

  test('X1: after a callback threw, the rest is due at once and run by the next pass, in order and once', () => {
    const { clock } = testClock()
    const { list } = listOn(clock)
    const ran: number[] = []
    for (let i = 0; i < 4; i++) {
      list
        .createTimer(() => {
          ran.push(i)
          if (i === 1) throw new Error('one')
        })
        .mod(i)
    }
    expect(() => list.run()).toThrow('one')
    expect([ran, list.deadlineNs()]).toEqual([[0, 1], 0])
    expect([list.run(), list.run(), ran]).toEqual([true, false, [0, 1, 2, 3]])
  })

  test('X1: passes that throw, and timers taken out of what they leave, never make the list lose one', () => {
    const { clock } = testClock()
    const { list } = listOn(clock)
    let ran: number[] = []
    let broken = true
    // As many as fit, so that what was taken out of the queue is in the way.
    const timers = Array.from({ length: 32 }, (_, i) =>
      list.createTimer(() => {
        ran.push(i)
        if (!broken) return
        timers[i]!.mod(0)
        throw new Error('broken')
      }),
    )
    for (const timer of timers) timer.mod(0)
    for (let pass = 0; pass < 300; pass++) {
      expect(() => list.run()).toThrow('broken')
      for (let i = 0; i < 32; i++) if (i !== pass % 32) timers[i]!.mod(0)
    }
    broken = false
    ran = []
    expect([list.run(), list.run()]).toEqual([true, false])
    expect(ran.sort((a, b) => a - b)).toEqual(timers.map((_, i) => i))
  })
})

describe('T4: notification', () => {
  test('T4: moving the nearest deadline forward notifies, once; moving it back or arming behind it does not', () => {
    const { clock } = testClock()
    const { list, count } = listOn(clock)
    const [a, b] = [list.createTimer(() => {}), list.createTimer(() => {})]
    const steps: [() => void, number][] = [
      [() => a.mod(5000), 1],
      [() => a.mod(4000), 2],
      [() => a.mod(6000), 2],
      [() => b.mod(7000), 2],
      [() => b.mod(6000), 2],
      [() => b.modAnticipate(6500), 2],
      [() => b.modAnticipate(5500), 3],
      [() => b.del(), 3],
      [() => a.modAnticipate(9000), 3],
      [() => a.del(), 3],
      [() => a.mod(9000), 4],
    ]
    for (const [step, notified] of steps) {
      step()
      expect(`${step}: ${count.notified}`).toBe(`${step}: ${notified}`)
    }
  })

  test('T4: what a callback arms needs no notification: the loop looks at the deadline after the pass', () => {
    const { clock } = testClock()
    const { list, count } = listOn(clock)
    const timer = list.createTimer(() => timer.mod(1001))
    timer.mod(0)
    list.run()
    expect([count.notified, list.deadlineNs()]).toEqual([1, 1])
  })
})

describe('T5: a stopped clock, within one thread', () => {
  test('T5: stopped by a callback, nothing else runs, and nothing is lost', () => {
    const { clock } = testClock()
    const { list, count } = listOn(clock)
    const ran: number[] = []
    for (let i = 0; i < 3; i++) {
      list
        .createTimer(() => {
          ran.push(i)
          if (i === 0) clock.setEnabled(false)
        })
        .mod(i)
    }
    expect(list.run()).toBe(true)
    expect([ran, list.deadlineNs(), list.run()]).toEqual([[0], -1, false])
    const notified = count.notified
    clock.setEnabled(true)
    clock.setEnabled(true)
    expect(count.notified).toBe(notified + 1)
    expect([list.deadlineNs(), list.run(), ran]).toEqual([0, true, [0, 1, 2]])
  })

  test('T5: a clock that is stopped while a pass begins runs nothing', () => {
    // Another thread stops the clock, finds no pass and goes on, just before this one has said that it begins a pass.
    const { clock, source } = testClock()
    const { list } = listOn(clock)
    const elsewhere = Clock.from(clock.handle, source)
    let ran = 0
    list.createTimer(() => ran++).mod(0)
    const { add } = Atomics
    Atomics.add = ((...args: Parameters<typeof add>) => {
      Atomics.add = add
      elsewhere.setEnabled(false)
      return add(...args)
    }) as typeof add
    expect([list.run(), ran]).toEqual([false, 0])
    expect(Atomics.add).toBe(add)
    clock.setEnabled(true)
    expect([list.run(), ran]).toEqual([true, 1])
  })

  test('T5: who waits for a pass in another thread misses neither its end nor that the clock was started', () => {
    for (const ended of [true, false]) {
      const { clock, source } = testClock()
      // A pass of another thread: its row is 0, its owner the word before.
      const elsewhere = Clock.from(clock.handle, source)
      const { list } = listOn(elsewhere)
      new Int32Array(clock.state.buffer)[16] = 4711
      elsewhere.state.enter(0)
      // It ends, or the clock is started, when this thread has looked and is about to sleep.
      const slept: string[] = []
      const { wait } = Atomics
      Atomics.wait = ((words: Int32Array, index: number, value: number) => {
        if (slept.length > 0) throw new Error('sleeps again')
        if (ended) elsewhere.state.leave(0)
        else elsewhere.setEnabled(true)
        slept.push(wait(words, index, value, 0))
      }) as typeof wait
      try {
        clock.setEnabled(false)
      } finally {
        Atomics.wait = wait
      }
      expect(slept).toEqual(['not-equal'])
      list.close()
    }
  })

  test('T5: starting a clock writes the descriptors of other lists of it, and only while they are open', () => {
    const { clock, source } = testClock()
    const file = wakeFile('wake')
    const { list } = listOn(clock, file.fd)
    const elsewhere = Clock.from(clock.handle, source)
    const restart = (which: Clock) => {
      which.setEnabled(false)
      which.setEnabled(true)
      return file.wakes()
    }
    // Its own clock notifies it; a write would be a system call for nothing.
    expect(restart(clock)).toBe(0)
    expect(restart(elsewhere)).toBe(1)
    elsewhere.setEnabled(true)
    expect(file.wakes()).toBe(1)
    expect(new BigUint64Array(new Uint8Array(readFileSync(file.path)).buffer)).toEqual(
      new BigUint64Array([1n]),
    )
    list.close()
    expect(restart(elsewhere)).toBe(1)
    closeSync(file.fd)
  })

  test('T5: setting a manual clock writes them as well', () => {
    const clock = new ManualClock()
    const file = wakeFile('manual')
    const { list } = listOn(clock, file.fd)
    ManualClock.from(clock.handle).advance(7)
    expect([file.wakes(), clock.now()]).toEqual([1, 7])
    list.close()
    closeSync(file.fd)
  })

  test('X4: a descriptor that was closed behind the back of its list, and is another file now, is not written', () => {
    const { clock, source } = testClock()
    const file = wakeFile('before')
    const { list } = listOn(clock, file.fd)
    closeSync(file.fd)
    const path = join(folder, 'after')
    writeFileSync(path, 'precious')
    expect(openSync(path, 'a')).toBe(file.fd)
    const elsewhere = Clock.from(clock.handle, source)
    elsewhere.setEnabled(false)
    elsewhere.setEnabled(true)
    expect(readFileSync(path, 'utf8')).toBe('precious')
    closeSync(file.fd)
    list.close()
  })

  test('T5: a list that finds no room to be woken looks at its stopped clock every 10 ms', () => {
    const { clock } = testClock()
    const file = wakeFile('full')
    const lists = Array.from({ length: 64 }, () => listOn(clock).list)
    const { list } = listOn(clock, file.fd)
    const { list: unwakeable } = listOn(clock)
    for (const each of [...lists, list, unwakeable]) each.createTimer(() => {}).mod(2000)
    expect([list.deadlineNs(), unwakeable.deadlineNs()]).toEqual([1000, 1000])
    clock.setEnabled(false)
    expect([lists[63]!.deadlineNs(), list.deadlineNs(), unwakeable.deadlineNs()]).toEqual([
      -1, 10_000_000, -1,
    ])
    clock.setEnabled(true)
    let stoppedItself = false
    const timer = list.createTimer(() => {
      // It has no row of its own to be told apart by, but must not wait for itself.
      const { wait } = Atomics
      Atomics.wait = () => {
        throw new Error('waits')
      }
      clock.setEnabled(false)
      Atomics.wait = wait
      stoppedItself = true
    })
    timer.mod(0)
    expect([list.run(), stoppedItself]).toEqual([true, true])
    for (const each of [...lists, list, unwakeable]) each.close()
    const { list: later } = listOn(clock, file.fd)
    later.createTimer(() => {}).mod(2000)
    expect(later.deadlineNs()).toBe(-1)
    later.close()
    closeSync(file.fd)
  })
})

describe('X2 X3: misuse', () => {
  const { clock } = testClock()
  const code = (name: string) =>
    expect.objectContaining({ code: name, message: expect.stringMatching(/\.$/) })

  test('X3: a deadline that is no finite number is refused, and the timer stays as it was', () => {
    const { list } = listOn(clock)
    const timer = list.createTimer(() => {})
    timer.mod(5)
    for (const method of ['mod', 'modAnticipate'] as const) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(() => timer[method](bad)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
        expect(() => timer[method](bad)).toThrow('"expireNs" must be finite')
      }
      for (const bad of ['5', 5n, null, undefined, {}]) {
        expect(() => timer[method](bad as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
      }
    }
    expect(timer.expireTime).toBe(5)
  })

  test('X3: wrong arguments are refused by name', () => {
    const { list } = listOn(clock)
    expect(() => list.createTimer(1 as never)).toThrow('"callback"')
    expect(() => new TimerList({} as never, { notify: () => {} })).toThrow('"clock"')
    for (const options of [undefined, null, () => {}])
      expect(() => new TimerList(clock, options as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    expect(() => new TimerList(clock, {} as never)).toThrow('"options.notify"')
    expect(() => new TimerList(clock, { notify: () => {}, wakeFd: 1.5 })).toThrow('"options.wakeFd"')
    expect(() => new TimerList(clock, { notify: () => {}, wakeFd: 1_000_000 })).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    )
  })

  test('X3: after close every use is an error, except to delete what is gone anyway', () => {
    const { list } = listOn(clock)
    let ran = 0
    const timer = list.createTimer(() => ran++)
    timer.mod(0)
    list.close()
    list.close()
    expect([timer.pending, timer.expireTime]).toEqual([false, -1])
    timer.del()
    for (const use of [
      () => timer.mod(1),
      () => timer.modAnticipate(1),
      () => list.createTimer(() => {}),
      () => list.run(),
      () => list.deadlineNs(),
    ]) {
      expect(use).toThrow(code('ERR_AIO_CLOSED'))
    }
    expect(ran).toBe(0)
  })

  test('X4: a list closed by a callback runs nothing more, and its pass is counted as its own to the end', () => {
    const { clock } = testClock()
    // Where the shared state counts the passes of each list.
    const passes = () => [...new Int32Array(clock.state.buffer)].filter((_, i) => i >= 16 && i % 16 === 3)
    const { list } = listOn(clock)
    const ran: number[] = []
    for (let i = 0; i < 3; i++) {
      list
        .createTimer(() => {
          ran.push(i)
          list.close()
          const next = listOn(clock).list
          next.createTimer(() => expect(passes().slice(0, 3)).toEqual([1, 1, 0])).mod(0)
          next.run()
        })
        .mod(i)
    }
    expect([list.run(), ran]).toEqual([true, [0]])
    expect(new Set(passes())).toEqual(new Set([0]))
  })

  test('X6: a timer that is dropped while it is not pending is collected, with its callback', async () => {
    const { list } = listOn(clock)
    const refs = Array.from({ length: 3 }, (_, i) => {
      const callback = () => {}
      const timer = list.createTimer(callback)
      if (i > 0) timer.mod(0)
      if (i === 2) timer.del()
      return [new WeakRef(timer), new WeakRef(callback)]
    }).flat()
    list.run()
    // WeakRefs are kept until the end of the job.
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc!()
    expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([])
    list.close()
  })
})
