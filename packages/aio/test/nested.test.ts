import * as sys from '@aiokit/sys'
import { pipe, readAll } from '@aiokit/testing'
import { ManualClock, realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'
import { everywhere, newContext } from './monitors.ts'

describe.each(everywhere)('nested polls and errors on %s', (_, make) => {
  let ctx: AioContext
  let open: number[]
  beforeEach(() => {
    ctx = newContext(make)
    open = []
  })
  afterEach(() => {
    for (const fd of open) ctx.setFdHandler(fd, null)
    ctx.close()
    for (const fd of open) sys.close(fd)
  })

  /** The reading end of a pipe in which there is something. */
  const readyPipe = (): number => {
    const [reader, writer] = pipe()
    open.push(reader, writer)
    sys.write(writer, new Uint8Array(1))
    return reader
  }

  test('F6: a nested poll dispatches what its parent had found ready, once', () => {
    const log: string[] = []
    const fds = Array.from({ length: 3 }, readyPipe)
    for (const [i, fd] of fds.entries()) {
      ctx.setFdHandler(fd, {
        read() {
          readAll(fd)
          log.push(`enter ${i}`)
          if (log.length === 1) expect(ctx.poll(true)).toBe(true)
          log.push(`leave ${i}`)
        },
      })
    }
    expect(ctx.poll(true)).toBe(true)
    expect(log).toHaveLength(6)
    expect(log[5]).toBe(log[0]!.replace('enter', 'leave'))
    expect([...log].sort()).toEqual([0, 1, 2].flatMap((i) => [`enter ${i}`, `leave ${i}`]).sort())
    expect(ctx.poll(false)).toBe(false)
  })

  test('A5: AioContext.depth counts the polls of all contexts, also after one that threw', () => {
    using other = newContext(make)
    const depths: number[] = []
    const look = () => depths.push(AioContext.depth)
    other.scheduleOneshot(() => {
      look()
      throw new Error('inside')
    })
    ctx.scheduleOneshot(() => {
      look()
      expect(() => other.poll(true)).toThrow('inside')
      look()
    })
    look()
    ctx.poll(true)
    look()
    expect(depths).toEqual([0, 1, 2, 1, 0])
  })

  test('B4: a nested poll runs bottom halves that its parent had not got to', () => {
    const order: string[] = []
    ctx.scheduleOneshot(() => {
      order.push('outer')
      ctx.waitWhile(() => order.length < 2)
      order.push('outer done')
    })
    ctx.scheduleOneshot(() => order.push('inner'))
    ctx.poll(true)
    expect(order).toEqual(['outer', 'inner', 'outer done'])
  })

  test('a callback waits for a timer, for a descriptor, and for another callback, five levels deep', () => {
    let depth = 0
    const levels: number[] = []
    const [reader, writer] = pipe()
    open.push(reader, writer)
    const step = (): void => {
      levels.push(++depth)
      if (depth < 5) {
        const next = depth
        const wake = [
          () => ctx.scheduleOneshot(step),
          () => {
            ctx.setFdHandler(reader, {
              read() {
                ctx.setFdHandler(reader, null)
                step()
              },
            })
            sys.write(writer, new Uint8Array(1))
          },
          () => ctx.createTimer(realtime, step).mod(realtime.now() + 1000),
        ][next % 3]!
        wake()
        ctx.waitWhile(() => levels.length <= next)
      }
      depth--
    }
    ctx.scheduleOneshot(step)
    ctx.waitWhile(() => levels.length === 0)
    expect(levels).toEqual([1, 2, 3, 4, 5])
  })

  test('F4: a handler is removed, and another set, by a nested poll while it runs', () => {
    const fd = readyPipe()
    const log: string[] = []
    ctx.setFdHandler(fd, {
      read() {
        log.push('first')
        ctx.scheduleOneshot(() =>
          ctx.setFdHandler(fd, {
            read() {
              readAll(fd)
              log.push('second')
            },
          }),
        )
        ctx.poll(true)
        ctx.poll(false)
      },
      write: () => void log.push('never'),
    })
    ctx.poll(true)
    expect(log).toEqual(['first', 'second'])
  })

  test('N2: the end of a nested wait leaves its parent able to be woken', () => {
    let nested = false
    ctx.scheduleOneshot(() => {
      nested = true
      ctx.poll(true, 1000)
    })
    ctx.poll(true)
    ctx.notify()
    expect([nested, ctx.poll(true)]).toEqual([true, false])
    expect(ctx.stats().eventfdWrites).toBe(0)
  })

  test('X1: an error leaves poll(), and each thing that was ready runs once, in this poll or the next', () => {
    const counts: Record<string, number> = {}
    const ran = (name: string) => {
      counts[name] = (counts[name] ?? 0) + 1
      // The second of each kind.
      if (name.endsWith('1')) throw new Error(name)
    }
    const clock = new ManualClock()
    for (let i = 0; i < 3; i++) {
      const fd = readyPipe()
      ctx.setFdHandler(fd, {
        read() {
          readAll(fd)
          ran(`handler ${i}`)
        },
      })
      ctx.scheduleOneshot(() => ran(`bottom half ${i}`))
      ctx.createTimer(clock, () => ran(`timer ${i}`)).mod(i)
    }
    clock.advance(10)
    const errors: string[] = []
    for (let i = 0; i < 10; i++) {
      try {
        // Blocking: what is left over keeps it from sleeping.
        if (Object.keys(counts).length < 9) ctx.poll(true)
      } catch (error) {
        errors.push((error as Error).message)
      }
    }
    expect(errors).toEqual(['bottom half 1', 'handler 1', 'timer 1'])
    expect(Object.values(counts)).toEqual(Array(9).fill(1))
    expect(ctx.poll(false)).toBe(false)
    ctx.notify()
    expect([ctx.poll(true), ctx.stats().eventfdWrites]).toEqual([false, 0])
  })

  test('X1: what was ready runs in the next poll even if its condition is gone by then', () => {
    const [first, second] = [readyPipe(), readyPipe()]
    const called: number[] = []
    for (const fd of [first, second]) {
      ctx.setFdHandler(fd, {
        read() {
          called.push(fd)
          readAll(first)
          readAll(second)
          if (called.length === 1) throw new Error('once')
        },
      })
    }
    expect(() => ctx.poll(true)).toThrow('once')
    expect(ctx.poll(true)).toBe(true)
    expect(called.sort()).toEqual([first, second])
  })

  test('X1, F10: a handler that is always ready and always throws does not keep others from running', () => {
    const [thrower, other, third] = [readyPipe(), readyPipe(), readyPipe()]
    const calls = new Map<number, number>()
    const called = (fd: number) => void calls.set(fd, (calls.get(fd) ?? 0) + 1)
    ctx.setFdHandler(thrower, {
      read() {
        called(thrower)
        throw new Error('always')
      },
    })
    for (const fd of [other, third]) ctx.setFdHandler(fd, { read: () => called(fd) })
    for (let i = 0; i < 40; i++) {
      try {
        ctx.poll(true)
      } catch (error) {
        expect(error).toEqual(new Error('always'))
      }
    }
    for (const fd of [thrower, other, third]) expect(calls.get(fd)).toBeGreaterThanOrEqual(10)
  })

  test('X1: a bottom half that always throws and reschedules itself keeps neither handlers nor timers from running', () => {
    const fd = readyPipe()
    const clock = new ManualClock()
    let [reads, fired] = [0, 0]
    const bh = ctx.createBottomHalf(() => {
      bh.schedule()
      throw new Error('always')
    })
    ctx.setFdHandler(fd, { read: () => void reads++ })
    ctx.createTimer(clock, () => fired++).mod(0)
    bh.schedule()
    for (let i = 0; i < 10; i++) expect(() => ctx.poll(true)).toThrow('always')
    expect([reads >= 4, fired]).toEqual([true, 1])
    bh.delete()
  })

  test('X1: an error in a nested poll passes through the callback that made it, or is caught there', () => {
    const fail = () => {
      throw new Error('deep')
    }
    let caught: unknown
    ctx.scheduleOneshot(() => {
      ctx.scheduleOneshot(fail)
      try {
        ctx.poll(true)
      } catch (error) {
        caught = error
      }
    })
    expect(ctx.poll(true)).toBe(true)
    expect(caught).toEqual(new Error('deep'))
    ctx.scheduleOneshot(() => {
      ctx.scheduleOneshot(fail)
      ctx.poll(true)
    })
    expect(() => ctx.poll(true)).toThrow('deep')
    expect(() => ctx.close()).not.toThrow()
  })
})
