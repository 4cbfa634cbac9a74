import * as sys from '@aiokit/sys'
import { socketPair } from '@aiokit/testing'
import { ManualClock } from '@aiokit/timers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AioContext } from '../src/index.ts'
import { monitors, newContext } from './monitors.ts'

const COUNT = 12
const socket = fc.nat(COUNT - 1)

/** One step of a program that is run on each monitor. */
type Step =
  | { do: 'set'; socket: number; read: boolean; write: boolean; consume: boolean }
  | { do: 'remove' | 'send' | 'drain' | 'fill' | 'hang up' | 'reopen' | 'bottom half'; socket: number }
  | { do: 'advance'; by: number }
  | { do: 'arm'; by: number }
  | { do: 'poll'; nested: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      socket,
      read: fc.boolean(),
      write: fc.boolean(),
      consume: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'remove' as const,
        'send' as const,
        'send' as const,
        'drain' as const,
        'fill' as const,
        'hang up' as const,
        'reopen' as const,
        'bottom half' as const,
      ),
      socket,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('arm' as const), by: fc.nat(100) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('poll' as const), nested: fc.boolean() }) },
)

/** Runs the program on one monitor; returns what each poll called. */
function run(ctx: AioContext, program: Step[]): string[][] {
  const pairs = Array.from({ length: COUNT }, socketPair)
  const clock = new ManualClock()
  const calls: string[] = []
  const polls: string[][] = []
  const buffer = new Uint8Array(65_536)
  const timer = ctx.createTimer(clock, () => calls.push(`timer at ${clock.now()}`))
  const drain = (fd: number) => {
    while (sys.read(fd, buffer) > 0);
  }
  // Handlers of one poll may run in any order: monitors differ in it, so it is sorted away.
  const poll = () => {
    const progress = ctx.poll(false)
    polls.push([...calls.splice(0).sort(), `progress ${progress}`])
  }
  for (const one of program) {
    if (!('socket' in one)) {
      if (one.do === 'advance') clock.advance(one.by)
      else if (one.do === 'arm') timer.mod(clock.now() + one.by)
      else {
        if (one.nested) ctx.scheduleOneshot(() => void calls.push(`nested ${ctx.poll(false)}`))
        poll()
      }
    } else if (one.do === 'set') {
      const { socket, consume } = one
      const read = () => {
        calls.push(`read ${socket}`)
        if (consume) drain(pairs[socket]![0])
      }
      const write = () => void calls.push(`write ${socket}`)
      const handlers = { ...(one.read ? { read } : {}), ...(one.write ? { write } : {}) }
      ctx.setFdHandler(pairs[socket]![0], one.read || one.write ? handlers : null)
    } else {
      const [mine, peer] = pairs[one.socket]!
      if (one.do === 'remove') ctx.setFdHandler(mine, null)
      else if (one.do === 'send') sys.write(peer, new Uint8Array(1))
      else if (one.do === 'drain') drain(peer)
      else if (one.do === 'fill') while (sys.write(mine, buffer) > 0);
      else if (one.do === 'hang up') sys.shutdown(peer, sys.SHUT_RDWR)
      else if (one.do === 'bottom half') ctx.scheduleOneshot(() => calls.push(`bottom half ${one.socket}`))
      else {
        ctx.setFdHandler(mine, null)
        sys.close(mine)
        sys.close(peer)
        pairs[one.socket] = socketPair()
      }
    }
  }
  poll()
  timer.del()
  for (const [mine, peer] of pairs) {
    ctx.setFdHandler(mine, null)
    sys.close(mine)
    sys.close(peer)
  }
  return polls
}

test('F9: the same random operations give the same callbacks on every monitor', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (program) => {
      const results = monitors.map(([, make]) => {
        using ctx = newContext(make)
        return run(ctx, program)
      })
      for (const result of results) expect(result).toEqual(results[0])
    }),
    { numRuns: 400 },
  )
})
